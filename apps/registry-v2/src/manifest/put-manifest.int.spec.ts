import {
  COMMIT_UPLOAD,
  DELETE_BLOB,
  DELETE_MANIFEST,
  GET_MANIFEST,
  LIST_REFERRERS,
  LIST_TAGS,
  MANIFEST_DELETED,
  MANIFEST_PUSHED,
  PUT_MANIFEST,
  TAG_DELETED,
} from '@berth/contracts';
import { digestOf, parseRepositoryName, registryError, type RepositoryName } from '@berth/oci';
import {
  aManifest,
  type Blob,
  EMPTY_CONFIG,
  eventually,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
  randomBlob,
  startPostgres,
  type TestPostgres,
} from '@berth/testing';
import { failureOf, type RegistryUnderTest, someDigest, startRegistry } from '../testing/registry-under-test.js';
import { PutManifest } from './put-manifest.js';

jest.setTimeout(60_000);

describe(PutManifest, () => {
  let postgres: TestPostgres;
  let registry: RegistryUnderTest;
  const events: { subject: string; event: object }[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    registry = await startRegistry(await postgres.createDatabase());
    for (const contract of [MANIFEST_PUSHED, MANIFEST_DELETED, TAG_DELETED]) {
      await registry.events.consume<object>('test', [contract], async (event) => {
        events.push({ subject: contract.subject, event });
      });
    }
  });
  afterAll(async () => {
    await registry.stop();
    await postgres.stop();
  });
  beforeEach(() => {
    registry.manage.refuse = null;
    registry.manage.asked.length = 0;
  });

  const put = (repository: RepositoryName, manifest: Manifest, reference = 'v1', over = {}) =>
    registry.bus.request(PUT_MANIFEST, {
      repository,
      reference,
      contentType: manifest.mediaType,
      payload: manifest.bytes.toString('base64'),
      ...over,
    });
  const get = (repository: RepositoryName, reference: string) =>
    registry.bus.request(GET_MANIFEST, { repository, reference, known: [] });

  async function pushBlob(repository: RepositoryName, blob: Blob): Promise<Blob> {
    const sessionId = await registry.session(repository, blob.size);
    await registry.bus.request(COMMIT_UPLOAD, { repository, sessionId, digest: blob.digest as never });
    return blob;
  }
  /** A repository with a config and a layer, and a manifest of them. */
  async function anApp(): Promise<{ repository: RepositoryName; manifest: Manifest; layer: Blob }> {
    const repository = await registry.repository(`team/app-${crypto.randomUUID()}`);
    const [config, layer] = [await pushBlob(repository, randomBlob(20)), await pushBlob(repository, randomBlob(30))];
    return { repository, manifest: aManifest({ config, layers: [layer] }), layer };
  }

  it('stores the exact bytes under tag and digest', async () => {
    const { repository, manifest } = await anApp();
    expect(await put(repository, manifest)).toEqual({ digest: manifest.digest, subject: null });
    for (const reference of ['v1', manifest.digest]) {
      const { payload, ...found } = await get(repository, reference);
      expect(Buffer.from(payload!, 'base64').equals(manifest.bytes)).toBe(true);
      expect(found).toEqual({ digest: manifest.digest, mediaType: manifest.mediaType, size: manifest.size });
    }
  });

  it('by digest sets no tag', async () => {
    const { repository, manifest } = await anApp();
    await put(repository, manifest, manifest.digest);
    expect(await registry.bus.request(LIST_TAGS, { repository, after: '', limit: 10 })).toEqual({
      tags: [],
      more: false,
    });
  });

  it('is harmless when it is repeated, and moves a tag', async () => {
    const { repository, manifest } = await anApp();
    const other = aManifest({ config: JSON.parse(manifest.bytes.toString()).config, layers: [] });
    await put(repository, manifest);
    await put(repository, manifest);
    await put(repository, other);
    expect((await get(repository, 'v1')).digest).toBe(other.digest);
    expect((await get(repository, manifest.digest)).digest).toBe(manifest.digest);
  });

  describe('again under another type', () => {
    const OPAQUE = 'application/vnd.example+json';
    /** An image that names a subject and no type of its own, so that the Content-Type decides. */
    async function unnamed() {
      const { repository, manifest, layer } = await anApp();
      const { config, layers } = JSON.parse(manifest.bytes.toString()) as { config: Blob; layers: Blob[] };
      const subject = { mediaType: MEDIA_TYPE.ociManifest, digest: someDigest(), size: 100 };
      const annotations = { colour: 'blue' };
      const body = { schemaVersion: 2, config, layers, subject, annotations, artifactType: 'a/sbom' };
      const image = jsonManifest(MEDIA_TYPE.ociManifest, body);
      const page = { repository, subject: subject.digest, after: '', limit: 10 };
      const referrers = async (filter = {}) =>
        (await registry.bus.request(LIST_REFERRERS, { ...page, ...filter })).referrers;
      const layerIsKept = async () =>
        ((await failureOf(registry.bus.request(DELETE_BLOB, { repository, digest: layer.digest as never }))) as Error)
          ?.message;
      return { repository, image, opaque: { ...image, mediaType: OPAQUE }, subject, referrers, layerIsKept };
    }

    it('is of that type: it is served, refers, and is listed as what it was pushed last', async () => {
      const { repository, image, opaque, subject, referrers, layerIsKept } = await unnamed();
      expect((await put(repository, opaque)).subject).toBeNull();
      expect(await referrers()).toEqual([]);
      expect((await put(repository, image)).subject).toBe(subject.digest);
      expect((await get(repository, 'v1')).mediaType).toBe(MEDIA_TYPE.ociManifest);
      expect(await referrers({ artifactType: 'a/sbom' })).toEqual([
        expect.objectContaining({ digest: image.digest, mediaType: image.mediaType, annotations: { colour: 'blue' } }),
      ]);
      expect(await layerIsKept()).toContain('a manifest references the blob');
    });

    it('that is not traced keeps what it referred to, and is no referrer any more', async () => {
      const { repository, image, opaque, referrers, layerIsKept } = await unnamed();
      await put(repository, image);
      await put(repository, opaque);
      expect((await get(repository, 'v1')).mediaType).toBe(OPAQUE);
      expect(await referrers()).toEqual([]);
      expect(await layerIsKept()).toContain('a manifest references the blob');
    });
  });

  describe('under a digest', () => {
    it('of sha512 stores it under that one', async () => {
      const { repository, manifest } = await anApp();
      const digest = digestOf(manifest.bytes, 'sha512');
      expect(await put(repository, manifest, digest)).toEqual({ digest, subject: null });
      expect((await get(repository, digest)).digest).toBe(digest);
      expect(await failureOf(get(repository, manifest.digest))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    });

    it.each(['sha256', 'sha512'] as const)(
      'of other bytes is refused by %s, and nothing is stored',
      async (algorithm) => {
        const { repository, manifest } = await anApp();
        const before = await registry.count('registry.manifest');
        const wrong = digestOf(Buffer.from('other'), algorithm);
        expect(await failureOf(put(repository, manifest, wrong))).toMatchObject({
          code: 'DIGEST_INVALID',
          status: 400,
        });
        expect(await registry.count('registry.manifest')).toBe(before);
      },
    );
  });

  describe('with tags beside a digest', () => {
    const tagsOf = async (repository: RepositoryName) =>
      (await registry.bus.request(LIST_TAGS, { repository, after: '', limit: 1_000 })).tags;

    it('sets all of them at once, each once', async () => {
      const { repository, manifest } = await anApp();
      const tags = Array.from({ length: 25 }, (_, n) => `v${String(n).padStart(3, '0')}`);
      const some = tags.slice(0, 10);
      await put(repository, manifest, manifest.digest, { tags: [...some, ...some] });
      expect(await tagsOf(repository)).toEqual(some);
      await put(repository, manifest, manifest.digest, { tags });
      expect(await tagsOf(repository)).toEqual(tags);
      for (const tag of [tags[0]!, tags[24]!]) expect((await get(repository, tag)).digest).toBe(manifest.digest);
    });

    it('sets none where the manifest is refused, and moves those that are there', async () => {
      const { repository, manifest } = await anApp();
      await put(repository, manifest, 'v1');
      const broken = aManifest({ config: randomBlob(1) });
      expect(await failureOf(put(repository, broken, broken.digest, { tags: ['v1', 'v2'] }))).toMatchObject({
        code: 'MANIFEST_BLOB_UNKNOWN',
      });
      expect(await tagsOf(repository)).toEqual(['v1']);
      const next = aManifest({ config: JSON.parse(manifest.bytes.toString()).config, layers: [] });
      await put(repository, next, next.digest, { tags: ['v1', 'v2'] });
      for (const tag of ['v1', 'v2']) expect((await get(repository, tag)).digest).toBe(next.digest);
    });
  });

  describe('with a precondition', () => {
    const failed = { code: 'MANIFEST_INVALID', status: 412 };
    /** A repository where v1 names the first of two manifests. */
    async function tagged() {
      const { repository, manifest } = await anApp();
      await put(repository, manifest);
      const next = aManifest({ config: JSON.parse(manifest.bytes.toString()).config, layers: [] });
      const attempt = (precondition: object, reference = 'v1') =>
        put(repository, next, reference, { precondition }).then(
          () => 'stored',
          (error: unknown) => error,
        );
      return { repository, manifest, next, attempt };
    }

    it.each([
      ['If-None-Match: *', { ifNoneMatch: ['*'] }],
      ['If-None-Match of what the tag names', { ifNoneMatch: [someDigest(), 'named'] }],
      ['If-Match of something else', { ifMatch: [someDigest()] }],
      ['If-Match of nothing of ours', { ifMatch: [] }],
      ['both, of which one fails', { ifMatch: ['*'], ifNoneMatch: ['named'] }],
    ])('that fails is 412 and changes nothing: %s', async (_what, precondition) => {
      const { repository, manifest, next, attempt } = await tagged();
      const named = (tags?: string[]) => tags?.map((tag) => (tag === 'named' ? manifest.digest : tag));
      const { ifMatch, ifNoneMatch } = precondition as { ifMatch?: string[]; ifNoneMatch?: string[] };
      const filled = {
        ...(ifMatch && { ifMatch: named(ifMatch) }),
        ...(ifNoneMatch && { ifNoneMatch: named(ifNoneMatch) }),
      };
      expect(await attempt(filled)).toMatchObject(failed);
      expect((await get(repository, 'v1')).digest).toBe(manifest.digest);
      expect(await failureOf(get(repository, next.digest))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    });

    it('that holds is stored', async () => {
      const { repository, manifest, next, attempt } = await tagged();
      expect(await attempt({ ifMatch: [someDigest(), manifest.digest] })).toBe('stored');
      expect((await get(repository, 'v1')).digest).toBe(next.digest);
      expect(await attempt({ ifMatch: ['*'] })).toBe('stored');
      expect(await attempt({ ifNoneMatch: [manifest.digest] })).toBe('stored');
      expect(await attempt({ ifNoneMatch: ['*'] }, 'v2')).toBe('stored');
      expect(await attempt({ ifMatch: ['*'] }, 'v3')).toMatchObject(failed);
    });

    it('that fails as the first push makes no repository', async () => {
      const repository = parseRepositoryName(`fresh-${crypto.randomUUID()}/app`);
      const lone = jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: [] });
      const precondition = { ifMatch: ['*'] };
      expect(await failureOf(put(repository, lone, 'v1', { precondition }))).toMatchObject(failed);
      expect(registry.manage.asked).toEqual([]);
      await put(repository, lone, 'v1', { precondition: { ifNoneMatch: ['*'] } });
      expect((await get(repository, 'v1')).digest).toBe(lone.digest);
    });

    it('means nothing with a digest, whose bytes are the same', async () => {
      const { next, attempt } = await tagged();
      expect(await attempt({ ifNoneMatch: ['*'] }, next.digest)).toBe('stored');
      expect(await attempt({ ifNoneMatch: ['*'] }, next.digest)).toBe('stored');
    });
  });

  it("takes BuildKit's cache, an index of plain blobs, and keeps them as long as it is there", async () => {
    const repository = await registry.repository(`team/cache-${crypto.randomUUID()}`);
    const types = [MEDIA_TYPE.ociLayer, MEDIA_TYPE.dockerLayer, MEDIA_TYPE.buildkitCacheConfig];
    const blobs = await Promise.all(types.map(() => pushBlob(repository, randomBlob(20))));
    const entries = blobs.map(({ digest, size }, n) => ({ mediaType: types[n], digest, size }));
    const cacheOf = (manifests: object[]) =>
      jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests });
    const missing = { ...entries[0], digest: someDigest() };
    expect(await failureOf(put(repository, cacheOf([...entries, missing]), 'buildcache'))).toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: [{ digest: missing.digest }],
    });
    const cache = cacheOf(entries);
    await put(repository, cache, 'buildcache');
    const remove = (digest: string) => registry.bus.request(DELETE_BLOB, { repository, digest: digest as never });
    for (const { digest } of blobs) {
      expect(await failureOf(remove(digest))).toMatchObject({
        ...{ code: 'UNSUPPORTED', status: 405 },
        headers: { allow: 'GET, HEAD' },
      });
    }
    await registry.bus.request(DELETE_MANIFEST, { repository, reference: cache.digest });
    for (const { digest } of blobs) expect(await remove(digest)).toEqual({ digest });
  });

  describe('with references', () => {
    it('that are missing names each of them, and stores nothing', async () => {
      const { repository, layer } = await anApp();
      const [config, one, two] = [randomBlob(1), randomBlob(2), randomBlob(3)];
      const before = [await registry.count('registry.manifest'), await registry.count('registry.tag')];
      const error = await failureOf(put(repository, aManifest({ config, layers: [one, layer, two] })));
      expect(error).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN', status: 400 });
      const missing = (error as { detail: { digest: string }[] }).detail.map(({ digest }) => digest);
      expect(missing.sort()).toEqual([config.digest, one.digest, two.digest].sort());
      expect([await registry.count('registry.manifest'), await registry.count('registry.tag')]).toEqual(before);
    });

    it.each([0, 29, 31, Number.MAX_SAFE_INTEGER])(
      'whose size is stated as %d instead of 30 is refused, and nothing is stored',
      async (stated) => {
        const { repository, layer, manifest } = await anApp();
        const { config } = JSON.parse(manifest.bytes.toString()) as { config: Blob };
        const before = await registry.count('registry.manifest');
        const error = await failureOf(put(repository, aManifest({ config, layers: [{ ...layer, size: stated }] })));
        expect(error).toMatchObject({
          ...{ code: 'MANIFEST_INVALID', status: 400 },
          detail: [{ digest: layer.digest, stated, size: 30 }],
        });
        expect(await registry.count('registry.manifest')).toBe(before);
      },
    );

    it('that only another repository has are missing', async () => {
      const { manifest } = await anApp();
      const other = await registry.repository('team/other');
      expect(await failureOf(put(other, manifest))).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
    });

    it('to manifests that are missing is refused, and stored when they are there', async () => {
      const { repository, manifest } = await anApp();
      const { mediaType, digest, size } = manifest;
      const index = jsonManifest(MEDIA_TYPE.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [{ mediaType, digest, size }],
      });
      expect(await failureOf(put(repository, index, 'multi'))).toMatchObject({
        code: 'MANIFEST_BLOB_UNKNOWN',
        detail: [{ digest }],
      });
      await put(repository, manifest, digest);
      await put(repository, index, 'multi');
      const removed = registry.bus.request(DELETE_MANIFEST, { repository, reference: digest });
      expect(await failureOf(removed)).toMatchObject({
        ...{ code: 'UNSUPPORTED', status: 405 },
        headers: { allow: 'GET, HEAD, PUT' },
      });
    });

    it('to a subject that is not there is stored, and the answer names it', async () => {
      const { repository } = await anApp();
      await pushBlob(repository, EMPTY_CONFIG);
      const subject = { mediaType: MEDIA_TYPE.ociManifest, digest: someDigest(), size: 100 };
      const stored = await put(repository, aManifest({ subject }), 'signature');
      expect(stored.subject).toBe(subject.digest);
    });
  });

  describe('that makes no sense', () => {
    it.each([
      ['no bytes', Buffer.alloc(0), MEDIA_TYPE.ociManifest],
      ['no JSON', Buffer.from('<html>'), MEDIA_TYPE.ociManifest],
      ['JSON that is no object', Buffer.from('[]'), MEDIA_TYPE.ociManifest],
      ['another type inside', aManifest().bytes, MEDIA_TYPE.dockerManifest],
      ['a type that was cut', aManifest().bytes, 'x'.repeat(256)],
    ])('is MANIFEST_INVALID with %s', async (_what, bytes, contentType) => {
      const { repository } = await anApp();
      const attempt = put(repository, { ...aManifest(), bytes, mediaType: contentType });
      expect(await failureOf(attempt)).toMatchObject({ code: 'MANIFEST_INVALID' });
    });
  });

  describe('as the first push of a repository', () => {
    const lone = jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] });

    it('makes organisation and repository through manage, for the pusher', async () => {
      const repository = parseRepositoryName(`fresh-${crypto.randomUUID()}/app`);
      const { userId } = registry;
      await put(repository, lone, 'v1', { userId });
      expect(registry.manage.asked).toEqual([{ name: repository.split('/')[0], creatorId: userId }]);
      expect((await get(repository, 'v1')).digest).toBe(lone.digest);
    });

    it('asks manage only the first time', async () => {
      const repository = await registry.repository('team/known');
      await put(repository, lone);
      expect(registry.manage.asked).toEqual([]);
    });

    it('stores nothing where manage refuses', async () => {
      const repository = parseRepositoryName('forbidden/app');
      registry.manage.refuse = registryError('DENIED', undefined, { message: 'quota' });
      expect(await failureOf(put(repository, lone))).toMatchObject({ code: 'DENIED', status: 403 });
      expect(await failureOf(get(repository, 'v1'))).toMatchObject({ code: 'NAME_UNKNOWN' });
    });

    it('with references makes no repository: they cannot be there', async () => {
      const repository = parseRepositoryName('nobody/app');
      const manifest = aManifest({ config: randomBlob(1), layers: [randomBlob(2)] });
      const error = await failureOf(put(repository, manifest));
      expect(error).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
      expect((error as { detail: unknown[] }).detail).toHaveLength(2);
      expect(registry.manage.asked).toEqual([]);
      expect(await failureOf(get(repository, 'v1'))).toMatchObject({ code: 'NAME_UNKNOWN' });
    });
  });

  describe('reading and deleting', () => {
    it('tells a manifest that is not there from a repository that is not', async () => {
      const { repository } = await anApp();
      const nowhere = parseRepositoryName('no/where');
      const remove = (name: RepositoryName, reference: string) =>
        registry.bus.request(DELETE_MANIFEST, { repository: name, reference });
      for (const reference of ['v9', someDigest()]) {
        expect(await failureOf(get(repository, reference))).toMatchObject({ code: 'MANIFEST_UNKNOWN', status: 404 });
        expect(await failureOf(get(nowhere, reference))).toMatchObject({ code: 'NAME_UNKNOWN', status: 404 });
        expect(await failureOf(remove(repository, reference))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
        expect(await failureOf(remove(nowhere, reference))).toMatchObject({ code: 'NAME_UNKNOWN' });
      }
      const tags = (name: RepositoryName) => registry.bus.request(LIST_TAGS, { repository: name, after: '', limit: 5 });
      expect(await tags(repository)).toEqual({ tags: [], more: false });
      expect(await failureOf(tags(nowhere))).toMatchObject({ code: 'NAME_UNKNOWN' });
    });

    it('by digest takes every tag with it', async () => {
      const { repository, manifest } = await anApp();
      for (const tag of ['v1', 'v2']) await put(repository, manifest, tag);
      await registry.bus.request(DELETE_MANIFEST, { repository, reference: manifest.digest });
      for (const reference of ['v1', 'v2', manifest.digest]) {
        expect(await failureOf(get(repository, reference))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
      }
    });

    it('by a condition that fails is 412 and deletes nothing, by one that holds deletes', async () => {
      const { repository, manifest } = await anApp();
      await put(repository, manifest);
      const remove = (reference: string, precondition: object) =>
        registry.bus.request(DELETE_MANIFEST, { repository, reference, precondition });
      for (const reference of ['v1', manifest.digest]) {
        for (const failing of [{ ifMatch: [someDigest()] }, { ifMatch: [] }, { ifNoneMatch: ['*'] }]) {
          const failure = await failureOf(remove(reference, failing));
          expect(failure).toMatchObject({ code: 'MANIFEST_INVALID', status: 412 });
        }
        expect(await failureOf(remove(reference, { ifNoneMatch: [manifest.digest] }))).toMatchObject({ status: 412 });
      }
      for (const unknown of ['v9', someDigest()]) {
        expect(await failureOf(remove(unknown, { ifMatch: ['*'] }))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
        expect(await failureOf(remove(unknown, { ifMatch: [] }))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
      }
      expect((await get(repository, 'v1')).digest).toBe(manifest.digest);
      await remove('v1', { ifMatch: [someDigest(), manifest.digest] });
      expect(await failureOf(get(repository, 'v1'))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
      await remove(manifest.digest, { ifMatch: [manifest.digest], ifNoneMatch: [someDigest()] });
      expect(await failureOf(get(repository, manifest.digest))).toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    });

    it('leaves the bytes out that the asker has', async () => {
      const { repository, manifest } = await anApp();
      await put(repository, manifest);
      const known = [manifest.digest as never];
      expect((await registry.bus.request(GET_MANIFEST, { repository, reference: 'v1', known })).payload).toBeNull();
    });
  });

  it('publishes what became true, and keeps nothing that is published', async () => {
    const { repository, manifest } = await anApp();
    const of = (subject: string) =>
      events.filter(
        (one) => one.subject === subject && (one.event as { repository: string }).repository === repository,
      );
    await put(repository, manifest, 'v1');
    await registry.bus.request(DELETE_MANIFEST, { repository, reference: 'v1' });
    await registry.bus.request(DELETE_MANIFEST, { repository, reference: manifest.digest });
    await failureOf(put(repository, aManifest({ config: randomBlob(1) }), 'v2'));
    await eventually(() => of(MANIFEST_DELETED.subject).length > 0, { what: 'the last event has arrived' });
    const { digest, mediaType } = manifest;
    expect(of(MANIFEST_PUSHED.subject).map(({ event }) => event)).toEqual([
      { repository, digest, mediaType, tags: ['v1'] },
    ]);
    expect(of(TAG_DELETED.subject).map(({ event }) => event)).toEqual([{ repository, tag: 'v1' }]);
    expect(of(MANIFEST_DELETED.subject).map(({ event }) => event)).toEqual([{ repository, digest }]);
    await eventually(async () => (await registry.count('registry.outbox_event')) === 0, {
      what: 'the outbox is empty',
    });
  });
});
