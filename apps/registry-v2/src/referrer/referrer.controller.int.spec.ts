import { COMMIT_UPLOAD, DELETE_MANIFEST, GET_MANIFEST, LIST_REFERRERS, PUT_MANIFEST } from '@berth/contracts';
import { type Digest, parseRepositoryName, type RepositoryName } from '@berth/oci';
import {
  aManifest,
  EMPTY_CONFIG,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
  startPostgres,
  type TestPostgres,
} from '@berth/testing';
import { failureOf, type RegistryUnderTest, someDigest, startRegistry } from '../testing/registry-under-test.js';
import { ReferrerController } from './referrer.controller.js';

jest.setTimeout(60_000);

describe(ReferrerController, () => {
  let postgres: TestPostgres;
  let registry: RegistryUnderTest;
  let repository: RepositoryName;
  let subject: Manifest;
  beforeAll(async () => {
    postgres = await startPostgres();
    registry = await startRegistry(await postgres.createDatabase());
  });
  afterAll(async () => {
    await registry.stop();
    await postgres.stop();
  });
  beforeEach(async () => {
    repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
    const sessionId = await registry.session(repository, EMPTY_CONFIG.size);
    await registry.bus.request(COMMIT_UPLOAD, { repository, sessionId, digest: EMPTY_CONFIG.digest as Digest });
    subject = aManifest();
  });

  const put = (manifest: Manifest, reference = manifest.digest) =>
    registry.bus.request(PUT_MANIFEST, {
      repository,
      reference,
      contentType: manifest.mediaType,
      payload: manifest.bytes.toString('base64'),
    });
  const remove = (reference: string) => registry.bus.request(DELETE_MANIFEST, { repository, reference });
  const list = (over: object = {}) =>
    registry.bus.request(LIST_REFERRERS, {
      repository,
      subject: subject.digest as Digest,
      after: '',
      limit: 10,
      ...over,
    });
  const descriptorOf = ({ mediaType, digest, size }: Manifest) => ({ mediaType, digest, size });
  const indexOf = (manifests: Manifest[]) =>
    jsonManifest(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: manifests.map(descriptorOf),
    });

  it('gives descriptors with nothing but what the manifest says', async () => {
    const sbom = aManifest({ subject, artifactType: 'a/sbom', annotations: { made: 'by hand' } });
    const bare = jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: [], subject: descriptorOf(subject) });
    for (const manifest of [sbom, bare]) {
      expect((await put(manifest)).subject).toBe(subject.digest);
    }
    const { referrers, more } = await list();
    expect(more).toBe(false);
    expect(referrers).toHaveLength(2);
    expect(referrers).toContainEqual({
      ...descriptorOf(sbom),
      artifactType: 'a/sbom',
      annotations: { made: 'by hand' },
    });
    expect(referrers).toContainEqual(descriptorOf(bare));
    expect((await list({ artifactType: 'a/sbom' })).referrers).toHaveLength(1);
  });

  it('is empty for what is not there, also for a repository', async () => {
    const nothing = { referrers: [], more: false };
    expect(await list({ subject: someDigest() })).toEqual(nothing);
    expect(await list({ repository: parseRepositoryName('no/where') })).toEqual(nothing);
  });

  it('follows deletes at once: of a referrer, of the subject, of both', async () => {
    await put(subject, 'v1');
    const [one, two] = [aManifest({ subject }), aManifest({ subject, annotations: { n: '2' } })];
    for (const manifest of [one, two]) await put(manifest);
    await remove(one.digest);
    expect((await list()).referrers.map(({ digest }) => digest)).toEqual([two.digest]);
    await remove(subject.digest);
    for (const reference of ['v1', subject.digest]) {
      const get = registry.bus.request(GET_MANIFEST, { repository, reference, known: [] });
      expect(await failureOf(get)).toMatchObject({ code: 'MANIFEST_UNKNOWN', status: 404 });
    }
    expect((await list()).referrers.map(({ digest }) => digest)).toEqual([two.digest]);
    await remove(two.digest);
    expect((await list()).referrers).toEqual([]);
  });

  it('takes over what a client brings along with its list under the fallback tag, and leaves that list a manifest', async () => {
    const tag = subject.digest.replace(':', '-');
    const referrers = [aManifest({ subject }), aManifest({ subject, annotations: { n: '2' } })];
    const stranger = aManifest({ annotations: { subject: 'none' } });
    for (const manifest of [...referrers, stranger]) await put(manifest);
    const index = indexOf([...referrers, stranger]);
    await put(index, tag);
    const listed = (await list()).referrers.map(({ digest }) => digest);
    expect(listed).toEqual(referrers.map(({ digest }) => digest).sort());
    const { digest } = await registry.bus.request(GET_MANIFEST, { repository, reference: tag, known: [] });
    expect(digest).toBe(index.digest);
    await remove(index.digest);
    await remove(referrers[0]!.digest);
    expect((await list()).referrers.map((one) => one.digest)).toEqual([referrers[1]!.digest]);
  });
});
