import { anImage, type Blob, blobOf, eventually, jsonManifest, MEDIA_TYPE, requireOrSkip } from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

/** Long enough that no blob is collected before the manifest that lists it has come. */
const LEASE_SECONDS = 15;

requireOrSkip(`a build cache against ${mode}`, reasonAgainst(mode))(
  `a build cache as BuildKit writes it (${mode})`,
  () => {
    let stack: Stack;
    beforeAll(async () => {
      const settings = { BERTH_LEASE_SECONDS: String(LEASE_SECONDS), BERTH_GC_GRACE_SECONDS: '0' };
      stack = await startStack(mode, settings);
    });
    afterAll(() => stack?.stop());

    /** An index whose entries are no manifests but layers, and a config that says which step made which. */
    function aCache(): { index: Blob; blobs: Blob[] } {
      const { layers } = anImage({ layers: 3 });
      const config = blobOf(
        JSON.stringify({ layers: layers.map(({ digest }) => ({ blob: digest })) }),
        MEDIA_TYPE.buildkitCacheConfig,
      );
      const blobs = [...layers, config];
      const manifests = blobs.map(({ mediaType, digest, size }) => ({
        mediaType,
        digest,
        size,
        annotations: { 'buildkit/createdat': '2026-01-01T00:00:00Z' },
      }));
      return { index: jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests }), blobs };
    }

    async function pushCache(name: string, tag: string): Promise<{ index: Blob; blobs: Blob[] }> {
      const cache = aCache();
      for (const blob of cache.blobs) await stack.client().pushBlob(name, blob);
      await stack.client().pushManifest(name, cache.index, tag);
      return cache;
    }

    it('takes the index and serves it and every blob of it as they were', async () => {
      const { index, blobs } = await pushCache('e2e/cache/plain', 'main');
      const answer = (await stack.client().getManifest('e2e/cache/plain', 'main')).expect(200);
      expect(answer.bytes.equals(index.bytes)).toBe(true);
      expect(answer.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
      for (const { digest, bytes } of blobs) {
        expect((await stack.client().getBlob('e2e/cache/plain', digest)).expect(200).bytes.equals(bytes)).toBe(true);
      }
    });

    it('refuses the index while one of its blobs is absent', async () => {
      const { index, blobs } = aCache();
      for (const blob of blobs.slice(1)) await stack.client().pushBlob('e2e/cache/partial', blob);
      const answer = await stack.client().putManifest('e2e/cache/partial', 'main', index);
      expect(answer.expect(400).codes).toEqual(['MANIFEST_BLOB_UNKNOWN']);
      expect((await stack.client().headManifest('e2e/cache/partial', 'main')).status).toBe(404);
    });

    if (!isForeignRegistry()) {
      it('keeps the blobs while the index is there, and collects them when it is not', async () => {
        const name = 'e2e/cache/kept';
        const { index, blobs } = await pushCache(name, 'main');
        const stray = blobOf(`nobody refers to this ${index.digest}`);
        await stack.client().pushBlob(name, stray);
        const status = async (blob: Blob) => (await stack.client().getBlob(name, blob.digest)).status;

        const within = (LEASE_SECONDS + 60) * 1000;
        await eventually(async () => (await status(stray)) === 404, { what: 'a blob without a manifest goes', within });
        // All of them came before that one, so they have been reviewed as well.
        for (const blob of blobs) expect(await status(blob)).toBe(200);

        (await stack.client().deleteManifest(name, index.digest)).expect(202);
        for (const blob of blobs) {
          await eventually(async () => (await status(blob)) === 404, {
            what: 'a blob of a deleted cache goes',
            within,
          });
        }
      }, 240_000);
    }
  },
);
