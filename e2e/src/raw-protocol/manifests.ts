import { aManifest, anImage, blobOf, EMPTY_CONFIG, jsonManifest, MEDIA_TYPE, randomBlob } from '@berth/testing';

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
