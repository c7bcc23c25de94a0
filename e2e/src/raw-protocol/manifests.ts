import {
  aManifest,
  anImage,
  blobOf,
  descriptorOf,
  EMPTY_CONFIG,
  jsonManifest,
  type Manifest,
  MEDIA_TYPE,
  randomBlob,
} from '@berth/testing';

import type { Stack } from '../stack.js';

/** Spec: "Pushing manifests", "Pulling manifests", "Deleting manifests and tags". */
export function describeManifests(stack: () => Stack): void {
  const client = () => stack().client();

  describe('PUT, GET and HEAD /v2/:name/manifests/:reference', () => {
    it.each(['oci', 'docker'] as const)('keeps the bytes and the type of an %s manifest', async (format) => {
      const image = anImage({ format });
      const name = `raw/manifest-${format}`;
      await client().push(name, image, 'v1');
      const { digest, mediaType, bytes, size } = image.manifest;
      for (const reference of ['v1', digest]) {
        const got = (await client().getManifest(name, reference)).expect(200);
        expect(got.bytes.equals(bytes)).toBe(true);
        expect(got.header('content-type')).toBe(mediaType);
        expect(got.header('docker-content-digest')).toBe(digest);
        const head = (await client().headManifest(name, reference)).expect(200);
        expect(head.header('content-length')).toBe(String(size));
        expect(head.header('docker-content-digest')).toBe(digest);
        expect(head.bytes).toHaveLength(0);
      }
    });

    it('answers a PUT with where the manifest is', async () => {
      await client().pushBlob('raw/put', EMPTY_CONFIG);
      const manifest = aManifest();
      const answer = (await client().putManifest('raw/put', 'v1', manifest)).expect(201);
      expect(answer.header('docker-content-digest')).toBe(manifest.digest);
      const at = new URL(answer.header('location')!, stack().base);
      const got = await client().call('GET', at.href, ['repository:raw/put:pull']);
      expect(got.expect(200).bytes.equals(manifest.bytes)).toBe(true);
    });

    it.each([undefined, '*/*'])('gives an OCI manifest to a client whose Accept is %s', async (accept) => {
      await client().pushBlob('raw/accept', EMPTY_CONFIG);
      await client().pushManifest('raw/accept', aManifest(), 'v1');
      const scopes = ['repository:raw/accept:pull'];
      const headers = accept ? { accept } : undefined;
      const answer = await client().call('GET', '/v2/raw/accept/manifests/v1', scopes, { headers });
      expect(answer.expect(200).header('content-type')).toBe(MEDIA_TYPE.ociManifest);
    });

    it('moves a tag and keeps the manifest that it named before', async () => {
      const [before, after] = [anImage(), anImage()];
      await client().push('raw/move', before, 'latest');
      await client().push('raw/move', after, 'latest');
      await client().pullAndCompare('raw/move', 'latest', after);
      await client().pullAndCompare('raw/move', before.manifest.digest, before);
    });

    it('takes a manifest whose subject is absent', async () => {
      await client().pushBlob('raw/subject', EMPTY_CONFIG);
      await client().pushManifest('raw/subject', aManifest({ subject: anImage().manifest }), 'v1');
    });

    it('keeps fields that it does not know', async () => {
      await client().pushBlob('raw/unknown-fields', EMPTY_CONFIG);
      const known = JSON.parse(aManifest().bytes.toString()) as object;
      const manifest = jsonManifest(MEDIA_TYPE.ociManifest, { ...known, 'x-new': { a: [1] } });
      await client().pushManifest('raw/unknown-fields', manifest, 'v1');
      expect((await client().getManifest('raw/unknown-fields', 'v1')).bytes.equals(manifest.bytes)).toBe(true);
    });

    it('refuses a manifest whose layer is absent, and stores nothing', async () => {
      const name = 'raw/absent-layer';
      await client().pushBlob(name, EMPTY_CONFIG);
      const manifest = aManifest({ layers: [randomBlob(10)] });
      const answer = (await client().putManifest(name, 'v1', manifest)).expect(400, 404);
      expect(answer.codes).toContain('MANIFEST_BLOB_UNKNOWN');
      for (const reference of ['v1', manifest.digest]) {
        expect((await client().getManifest(name, reference)).status).toBe(404);
      }
    });

    it('refuses a digest that is not that of the bytes', async () => {
      await client().pushBlob('raw/wrong-digest', EMPTY_CONFIG);
      const other = aManifest({ annotations: { other: 'yes' } }).digest;
      const answer = (await client().putManifest('raw/wrong-digest', other, aManifest())).expect(400);
      expect(answer.codes).toEqual(['DIGEST_INVALID']);
      expect((await client().getManifest('raw/wrong-digest', other)).status).toBe(404);
    });

    const image = anImage();
    const both = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: EMPTY_CONFIG,
      layers: [],
      manifests: [],
    };
    it.each([
      ['no JSON', blobOf('{ "schemaVersion": 2,', MEDIA_TYPE.ociManifest)],
      ['an array', blobOf('[]', MEDIA_TYPE.ociManifest)],
      ['nothing', blobOf('', MEDIA_TYPE.ociManifest)],
      [
        'a layer without a digest',
        jsonManifest(MEDIA_TYPE.ociManifest, { ...both, manifests: undefined, layers: [{}] }),
      ],
      ['the marks of an image and of an index', jsonManifest(MEDIA_TYPE.ociManifest, both)],
      ['another type than its header says', { ...image.manifest, mediaType: MEDIA_TYPE.ociIndex }],
    ])('refuses a manifest that is %s', async (_what, manifest) => {
      const name = 'raw/invalid';
      for (const blob of [EMPTY_CONFIG, image.config, ...image.layers]) await client().pushBlob(name, blob);
      const answer = (await client().putManifest(name, 'v1', manifest)).expect(400);
      expect(answer.codes[0]).toMatch(/^(MANIFEST|SIZE|DIGEST)_INVALID$/);
      expect((await client().getManifest(name, 'v1')).status).toBe(404);
    });

    it('takes a manifest of nearly 4 MiB', async () => {
      await client().pushBlob('raw/large', EMPTY_CONFIG);
      const manifest = aManifest({ annotations: { filler: 'x'.repeat(4 * 1024 * 1024 - 4_096) } });
      await client().pushManifest('raw/large', manifest, 'v1');
      expect((await client().getManifest('raw/large', 'v1')).bytes.equals(manifest.bytes)).toBe(true);
    });
  });

  describe('PUT /v2/:name/manifests/:digest?tag=', () => {
    const put = (name: string, reference: string, manifest: Manifest, tag: string[]) =>
      client().putManifest(name, reference, manifest, { query: { tag } });
    const tagsOf = async (name: string) => (await client().listTags(name)).expect(200).json<{ tags: string[] }>().tags;
    const name = 'raw/tag-parameters';

    it('sets every tag and names it', async () => {
      await client().pushBlob(name, EMPTY_CONFIG);
      const manifest = aManifest();
      const tags = Array.from({ length: 20 }, (_, n) => `v1.${String(n).padStart(2, '0')}`);
      const answer = (await put(name, manifest.digest, manifest, [...tags, tags[0]!])).expect(201);
      expect(answer.header('oci-tag')!.split(/, */).sort()).toEqual(tags);
      expect(answer.header('docker-content-digest')).toBe(manifest.digest);
      expect(await tagsOf(name)).toEqual(tags);
      for (const tag of tags) {
        expect((await client().headManifest(name, tag)).header('docker-content-digest')).toBe(manifest.digest);
      }
    });

    it('takes 25 of the longest tags, and answers 414 to one more', async () => {
      const longest = 'raw/tag-parameters-longest';
      await client().pushBlob(longest, EMPTY_CONFIG);
      const manifest = aManifest();
      const tags = Array.from({ length: 26 }, (_, n) => `${String(n).padStart(3, '0')}-`.padEnd(128, 'x'));
      expect((await put(longest, manifest.digest, manifest, tags)).expect(414).codes).toEqual(['UNSUPPORTED']);
      (await client().getManifest(longest, manifest.digest)).expect(404);
      const answer = (await put(longest, manifest.digest, manifest, tags.slice(1))).expect(201);
      expect(answer.header('oci-tag')!.length).toBeLessThan(4_096);
      expect(await tagsOf(longest)).toEqual(tags.slice(1));
    });

    it('moves nothing and stores nothing where one tag is malformed, or the manifest', async () => {
      const refused = 'raw/tag-parameters-refused';
      await client().pushBlob(refused, EMPTY_CONFIG);
      const [kept, next] = [aManifest(), aManifest({ annotations: { n: '2' } })];
      await client().pushManifest(refused, kept, 'kept');
      for (const tag of ['-x', '', 'a'.repeat(129), 'a/b', 'a%b']) {
        const answer = (await put(refused, next.digest, next, ['kept', 'new', tag])).expect(400);
        expect(answer.codes).toEqual(['MANIFEST_INVALID']);
      }
      const broken = aManifest({ layers: [randomBlob(10)] });
      (await put(refused, broken.digest, broken, ['kept', 'new'])).expect(400, 404);
      expect(await tagsOf(refused)).toEqual(['kept']);
      expect((await client().headManifest(refused, 'kept')).header('docker-content-digest')).toBe(kept.digest);
      (await client().getManifest(refused, next.digest)).expect(404);
    });

    it('takes no condition, which would be of one tag', async () => {
      const conditional = 'raw/tag-parameters-conditional';
      await client().pushBlob(conditional, EMPTY_CONFIG);
      const manifest = aManifest();
      const headers = { 'if-none-match': '*' };
      const refused = await client().putManifest(conditional, manifest.digest, manifest, {
        query: { tag: ['v1'] },
        headers,
      });
      expect(refused.expect(400).codes).toEqual(['MANIFEST_INVALID']);
      (await client().getManifest(conditional, manifest.digest)).expect(404);
    });

    it('means nothing where the path names a tag, and no header says otherwise', async () => {
      const byTag = 'raw/tag-parameters-by-tag';
      await client().pushBlob(byTag, EMPTY_CONFIG);
      const answer = (await put(byTag, 'v1', aManifest(), ['v2'])).expect(201);
      expect(answer.header('oci-tag')).toBeUndefined();
      expect(await tagsOf(byTag)).toEqual(['v1']);
    });
  });

  describe('PUT /v2/:name/manifests/:tag with a condition', () => {
    const put = (name: string, manifest: Manifest, headers: Record<string, string>) =>
      client().putManifest(name, 'list', manifest, { headers });
    const numbered = (n: number) => aManifest({ annotations: { n: String(n) } });
    const digestIn = async (name: string) =>
      (await client().headManifest(name, 'list')).header('docker-content-digest');

    it('is stored where it holds, and is 412 and nothing else where it does not', async () => {
      const name = 'raw/conditional';
      await client().pushBlob(name, EMPTY_CONFIG);
      const [first, second] = [numbered(1), numbered(2)];
      expect((await put(name, first, { 'if-match': '*' })).expect(412).codes).toEqual(['MANIFEST_INVALID']);
      (await put(name, first, { 'if-none-match': '*' })).expect(201);
      const etag = (await client().getManifest(name, 'list')).header('etag')!;
      for (const headers of <Record<string, string>[]>[
        { 'if-none-match': '*' },
        { 'if-none-match': etag },
        { 'if-match': `"${second.digest}"` },
        { 'if-match': `W/${etag}` },
      ]) {
        (await put(name, second, headers)).expect(412);
      }
      expect((await put(name, second, { 'if-match': first.digest })).expect(400).codes).toEqual(['MANIFEST_INVALID']);
      (await client().getManifest(name, second.digest)).expect(404);
      expect(await digestIn(name)).toBe(first.digest);
      (await put(name, second, { 'if-match': etag })).expect(201);
      expect(await digestIn(name)).toBe(second.digest);
    });

    it.each([
      ['makes', undefined],
      ['updates', 'before'],
    ])('lets exactly one client win that %s a tag', async (what, before) => {
      const name = `raw/conditional-${what}`;
      await client().pushBlob(name, EMPTY_CONFIG);
      const start = numbered(0);
      if (before) await client().pushManifest(name, start, 'list');
      const headers: Record<string, string> = before ? { 'if-match': `"${start.digest}"` } : { 'if-none-match': '*' };
      const manifests = Array.from({ length: 12 }, (_, n) => numbered(n + 1));
      const answers = await Promise.all(manifests.map((manifest) => put(name, manifest, headers)));
      const stored = manifests.filter((_, n) => answers[n]!.expect(201, 412).status === 201);
      expect(stored).toHaveLength(1);
      expect(await digestIn(name)).toBe(stored[0]!.digest);
    });
  });

  it("takes BuildKit's cache, an index of plain blobs, and keeps them while it is there", async () => {
    const name = 'raw/buildkit-cache';
    const types = [MEDIA_TYPE.ociLayer, MEDIA_TYPE.ociLayer, MEDIA_TYPE.buildkitCacheConfig];
    const blobs = types.map((mediaType) => ({ ...randomBlob(100), mediaType }));
    for (const blob of blobs) await client().pushBlob(name, blob);
    const cache = jsonManifest(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: blobs.map(descriptorOf),
    });
    await client().pushManifest(name, cache, 'cache');
    for (const { digest } of blobs) (await client().deleteBlob(name, digest)).expect(400, 405);
    (await client().deleteManifest(name, cache.digest)).expect(202);
    for (const { digest } of blobs) (await client().deleteBlob(name, digest)).expect(202);
  });

  describe('DELETE /v2/:name/manifests/:reference', () => {
    it('takes a manifest away with every tag of it', async () => {
      const [gone, kept] = [anImage(), anImage()];
      for (const tag of ['a', 'b']) await client().push('raw/delete', gone, tag);
      await client().push('raw/delete', kept, 'kept');
      (await client().deleteManifest('raw/delete', gone.manifest.digest)).expect(202);
      for (const reference of ['a', 'b', gone.manifest.digest]) {
        expect((await client().getManifest('raw/delete', reference)).status).toBe(404);
      }
      expect((await client().listTags('raw/delete')).json<{ tags: string[] }>().tags).toEqual(['kept']);
      await client().pullAndCompare('raw/delete', 'kept', kept);
    });

    it('takes a tag away and leaves the manifest and its other tags', async () => {
      const image = anImage();
      for (const tag of ['gone', 'kept']) await client().push('raw/untag', image, tag);
      (await client().deleteManifest('raw/untag', 'gone')).expect(202);
      expect((await client().getManifest('raw/untag', 'gone')).status).toBe(404);
      for (const reference of ['kept', image.manifest.digest]) {
        await client().pullAndCompare('raw/untag', reference, image);
      }
    });

    it('does not know what is not there', async () => {
      await client().push('raw/delete-unknown', anImage(), 'v1');
      for (const reference of ['nothing', randomBlob(10).digest]) {
        const answer = (await client().deleteManifest('raw/delete-unknown', reference)).expect(404);
        expect(answer.codes).toEqual(['MANIFEST_UNKNOWN']);
      }
    });

    it('lets the same image be pushed again', async () => {
      const image = anImage();
      await client().push('raw/delete-again', image, 'v1');
      (await client().deleteManifest('raw/delete-again', image.manifest.digest)).expect(202);
      await client().push('raw/delete-again', image, 'v1');
      await client().pullAndCompare('raw/delete-again', 'v1', image);
    });
  });
}
