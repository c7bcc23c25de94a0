import {
  COMMIT_UPLOAD,
  CREATE_REPOSITORY,
  DELETE_REPOSITORY,
  MANIFEST_DELETED,
  MANIFEST_PUSHED,
  PUT_MANIFEST,
  RETAG,
  START_UPLOAD,
} from '@berth/contracts';
import { parseRepositoryName, type RepositoryName, type Tag } from '@berth/oci';
import { eventually, jsonManifest, type Manifest, MEDIA_TYPE, startPostgres, type TestPostgres } from '@berth/testing';
import { failureOf, type RegistryUnderTest, someDigest, startRegistry } from '../testing/registry-under-test.js';
import { Repositories } from './repositories.js';

jest.setTimeout(60_000);

describe(Repositories, () => {
  let postgres: TestPostgres;
  let registry: RegistryUnderTest;
  const events: { subject: string; event: object }[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    registry = await startRegistry(await postgres.createDatabase());
    for (const contract of [MANIFEST_PUSHED, MANIFEST_DELETED]) {
      await registry.events.consume<object>('test', [contract], async (event) => {
        events.push({ subject: contract.subject, event });
      });
    }
  });
  afterAll(async () => {
    await registry?.stop();
    await postgres?.stop();
  });
  beforeEach(() => {
    registry.auth.allows = true;
    registry.auth.asked.length = 0;
    events.length = 0;
  });

  /** A manifest that refers to nothing. */
  const nothing = (): Manifest =>
    jsonManifest(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [],
      annotations: { id: crypto.randomUUID() },
    });
  const put = (repository: RepositoryName, manifest: Manifest, reference: string, userId?: string) =>
    registry.bus.request(PUT_MANIFEST, {
      repository,
      reference,
      contentType: manifest.mediaType,
      payload: manifest.bytes.toString('base64'),
      ...(userId !== undefined && { userId }),
    });
  const remove = (repository: RepositoryName) => registry.bus.request(DELETE_REPOSITORY, { repository });
  const heard = (count: number) =>
    eventually(async () => events.length >= count, { what: `${count} events are heard` });

  it('tell of a retag as of a push of that tag', async () => {
    const repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
    const manifest = nothing();
    const { digest } = manifest;
    await put(repository, manifest, 'v1');
    const retag = { repository, source: 'v1' as Tag, destination: 'v2' as Tag, override: false };
    expect(await registry.bus.request(RETAG, retag)).toEqual({ digest });
    await heard(2);
    const pushed = (tag: string) => ({
      subject: MANIFEST_PUSHED.subject,
      event: { repository, digest, mediaType: manifest.mediaType, tags: [tag] },
    });
    expect(events).toEqual([pushed('v1'), pushed('v2')]);
    expect(await failureOf(registry.bus.request(RETAG, retag))).toMatchObject({ error: 'TAG_EXISTS', status: 409 });
    expect(await failureOf(registry.bus.request(RETAG, { ...retag, source: 'v0' as Tag }))).toMatchObject({
      error: 'TAG_UNKNOWN',
    });
    const nowhere = parseRepositoryName('team/nowhere');
    expect(await failureOf(registry.bus.request(RETAG, { ...retag, repository: nowhere }))).toMatchObject({
      error: 'REPOSITORY_UNKNOWN',
    });
  });

  it('tell of each manifest that goes with its repository', async () => {
    const repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
    const manifests = [nothing(), nothing()];
    for (const manifest of manifests) await put(repository, manifest, manifest.digest);
    await heard(2);
    expect(await remove(repository)).toEqual({ repository });
    await heard(4);
    expect(events.slice(2)).toEqual(
      expect.arrayContaining(
        manifests.map(({ digest }) => ({ subject: MANIFEST_DELETED.subject, event: { repository, digest } })),
      ),
    );
    expect(await failureOf(remove(repository))).toMatchObject({ error: 'REPOSITORY_UNKNOWN', status: 404 });
  });

  it('with a tag stay', async () => {
    const repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
    await put(repository, nothing(), 'v1');
    expect(await failureOf(remove(repository))).toMatchObject({ error: 'REPOSITORY_NOT_EMPTY', status: 406 });
  });

  it('are made in an organisation that is there', async () => {
    const attributes = { isPublic: true, category: 'other', description: '', creatorId: registry.userId };
    await registry.repository('team/first');
    const create = (name: string) =>
      registry.bus.request(CREATE_REPOSITORY, { repository: parseRepositoryName(name), ...attributes });
    await create('team/new');
    expect(await failureOf(create('team/new'))).toMatchObject({ error: 'REPOSITORY_EXISTS', status: 409 });
    expect(await failureOf(create('nobody/new'))).toMatchObject({ error: 'ORGANISATION_UNKNOWN', status: 404 });
  });

  it('are not made by a push whose organisation is deleted in this moment', async () => {
    registry.manage.isLate = true;
    const repository = parseRepositoryName('short/app');
    const failure = await failureOf(put(repository, nothing(), 'v1', registry.userId));
    registry.manage.isLate = false;
    expect(failure).toMatchObject({ code: 'DENIED', status: 403, message: expect.stringContaining('was deleted') });
    expect(await registry.database.prisma.repository.findUnique({ where: { path: repository } })).toBeNull();
  });

  describe('that are deleted during a push', () => {
    const pushes: Record<string, (repository: RepositoryName, userId: string) => Promise<unknown>> = {
      'an upload': async (repository, userId) => {
        const sessionId = await registry.session(repository, 10, userId);
        return registry.bus.request(COMMIT_UPLOAD, { repository, sessionId, digest: someDigest(), userId });
      },
      'a manifest of nothing': (repository, userId) => put(repository, nothing(), 'v1', userId),
      'a mount': async (repository, userId) => {
        const from = await registry.repository(`team/from-${crypto.randomUUID()}`);
        const [sessionId, digest] = [await registry.session(from), someDigest()];
        await registry.bus.request(COMMIT_UPLOAD, { repository: from, sessionId, digest });
        registry.auth.asked.length = 0;
        return registry.bus.request(START_UPLOAD, { repository, algorithm: 'sha256', mount: digest, from, userId });
      },
    };

    it.each(Object.keys(pushes))('come back with %s only of who may push now', async (push) => {
      const { userId } = registry;
      const repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
      await remove(repository);
      registry.auth.allows = false;
      expect(await failureOf(pushes[push]!(repository, userId))).toMatchObject({ code: 'DENIED', status: 403 });
      expect(registry.auth.asked).toEqual([
        { userId, scopes: [{ type: 'repository', name: repository, actions: ['push'] }] },
      ]);
      expect(await failureOf(remove(repository))).toMatchObject({ error: 'REPOSITORY_UNKNOWN' });
      registry.auth.allows = true;
      await pushes[push]!(repository, userId);
      const found = await registry.database.prisma.repository.findUnique({ where: { path: repository } });
      expect(found).not.toBeNull();
    });
  });
});
