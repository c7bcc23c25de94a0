import { aManifest, anImage, anIndex, EMPTY_CONFIG, MEDIA_TYPE, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';
import { referrersOf } from './referrer-list.js';

/** Spec: "Content Management": what a deletion takes along, what stands in its way, and that it holds at once. */
export function describeDeleteSemantics(stack: () => Stack): void {
  const client = () => stack().client();
  const statusOf = async (name: string, reference: string) => (await client().headManifest(name, reference)).status;

  describe('deletions', () => {
    it('hold at once, whichever replica is asked: by GET, HEAD, list and a second DELETE', async () => {
      const name = 'raw/delete-at-once';
      const image = anImage();
      const tags = Array.from({ length: 8 }, (_, n) => `v${n}`);
      for (const tag of tags) await client().push(name, image, tag);
      for (const [n, tag] of tags.slice(0, 4).entries()) {
        (await client().deleteManifest(name, tag)).expect(202);
        expect([await statusOf(name, tag), (await client().getManifest(name, tag)).status]).toEqual([404, 404]);
        const listed = (await client().listTags(name)).expect(200).json<{ tags: string[] }>().tags;
        expect(listed).toEqual(tags.slice(n + 1));
        expect((await client().deleteManifest(name, tag)).expect(404).codes).toEqual(['MANIFEST_UNKNOWN']);
      }
      (await client().deleteManifest(name, image.manifest.digest)).expect(202);
      for (const reference of [...tags, image.manifest.digest]) expect(await statusOf(name, reference)).toBe(404);
      expect((await client().listTags(name)).expect(200).json<{ tags: string[] }>().tags).toEqual([]);
    });

    it('of a manifest leave its blobs, which can be pulled and deleted', async () => {
      const name = 'raw/delete-manifest-only';
      const image = anImage();
      await client().push(name, image, 'v1');
      (await client().deleteManifest(name, image.manifest.digest)).expect(202);
      for (const { digest } of [image.config, ...image.layers]) {
        (await client().getBlob(name, digest)).expect(200);
        (await client().deleteBlob(name, digest)).expect(202);
        expect((await client().headBlob(name, digest)).status).toBe(404);
        expect((await client().getBlob(name, digest)).codes).toEqual(['BLOB_UNKNOWN']);
      }
    });

    it('of a blob that a manifest needs are refused, and the image stays whole', async () => {
      const name = 'raw/delete-blob-in-use';
      const image = anImage();
      await client().push(name, image, 'v1');
      const refused = (await client().deleteBlob(name, image.layers[0]!.digest)).expect(405);
      expect(refused.codes).toEqual(['UNSUPPORTED']);
      expect(refused.header('allow')).toBe('GET, HEAD');
      await client().pullAndCompare(name, 'v1', image);
    });

    it('of an image that an index lists are refused until the index is gone', async () => {
      const name = 'raw/delete-child';
      const index = anIndex();
      await client().push(name, index, 'v1');
      const child = index.images[0]!.manifest.digest;
      const refused = (await client().deleteManifest(name, child)).expect(405);
      expect(refused.codes).toEqual(['UNSUPPORTED']);
      expect(refused.header('allow')).toBe('GET, HEAD, PUT');
      (await client().deleteManifest(name, index.manifest.digest)).expect(202);
      expect(await statusOf(name, child)).toBe(200);
      (await client().deleteManifest(name, child)).expect(202);
    });

    it('are made where their condition holds, and are 412 and nothing else where it does not', async () => {
      const name = 'raw/delete-conditional';
      const image = anImage();
      await client().push(name, image, 'v1');
      const { digest } = image.manifest;
      const other = randomBlob(9).digest;
      for (const reference of ['v1', digest]) {
        for (const headers of <Record<string, string>[]>[{ 'if-match': `"${other}"` }, { 'if-none-match': '*' }]) {
          const answer = (await client().deleteManifest(name, reference, { headers })).expect(412);
          expect(answer.codes).toEqual(['MANIFEST_INVALID']);
          expect(await statusOf(name, 'v1')).toBe(200);
        }
      }
      for (const reference of ['v1', digest]) {
        const headers = { 'if-match': `"${digest}"`, 'if-none-match': `"${other}"` };
        (await client().deleteManifest(name, reference, { headers })).expect(202);
        expect(await statusOf(name, reference)).toBe(404);
      }
    });

    it('of a referrer take it from the list; of its subject they do not', async () => {
      const name = 'raw/delete-referrer';
      const subject = anImage();
      await client().push(name, subject, 'v1');
      await client().pushBlob(name, EMPTY_CONFIG);
      const [gone, kept] = ['gone', 'kept'].map((which) =>
        aManifest({ subject: subject.manifest, annotations: { which } }),
      ) as [ReturnType<typeof aManifest>, ReturnType<typeof aManifest>];
      for (const referrer of [gone, kept]) await client().pushManifest(name, referrer);
      (await client().deleteManifest(name, gone.digest)).expect(202);
      expect((await referrersOf(client(), name, subject.manifest.digest)).map(({ digest }) => digest)).toEqual([
        kept.digest,
      ]);
      (await client().deleteManifest(name, subject.manifest.digest)).expect(202);
      expect((await referrersOf(client(), name, subject.manifest.digest)).map(({ digest }) => digest)).toEqual([
        kept.digest,
      ]);
    });

    it('are followed by pushes of the same content under the same names', async () => {
      const name = 'raw/delete-and-push';
      const index = anIndex();
      for (let round = 0; round < 3; round++) {
        await client().push(name, index, 'v1');
        await client().pullAndCompare(name, 'v1', index);
        (await client().deleteManifest(name, index.manifest.digest)).expect(202);
        for (const image of index.images) {
          (await client().deleteManifest(name, image.manifest.digest)).expect(202);
          for (const { digest } of [image.config, ...image.layers])
            (await client().deleteBlob(name, digest)).expect(202);
        }
        expect(await statusOf(name, 'v1')).toBe(404);
      }
    });

    it('in one repository leave the same content of another', async () => {
      const image = anImage();
      for (const name of ['raw/delete-mine', 'raw/delete-yours']) await client().push(name, image, 'v1');
      (await client().deleteManifest('raw/delete-mine', image.manifest.digest)).expect(202);
      for (const { digest } of [image.config, ...image.layers]) {
        (await client().deleteBlob('raw/delete-mine', digest)).expect(202);
      }
      await client().pullAndCompare('raw/delete-yours', 'v1', image);
    });

    it.each([
      ['a manifest', `manifests/${randomBlob(9).digest}`],
      ['a tag', 'manifests/v1'],
      ['a blob', `blobs/${randomBlob(9).digest}`],
    ])('of %s in a repository that is not there find nothing', async (_what, path) => {
      const answer = await client().inRepository('DELETE', 'raw/delete-nowhere', path);
      expect(answer.expect(404).codes[0]).toMatch(/^(NAME|MANIFEST|BLOB)_UNKNOWN$/);
    });

    it('of a digest that is none are refused', async () => {
      await client().push('raw/delete-malformed', anImage(), 'v1');
      for (const path of ['manifests/sha256:baddigeststring', 'blobs/sha256:baddigeststring']) {
        const answer = await client().inRepository('DELETE', 'raw/delete-malformed', path);
        expect(answer.expect(400).codes).toEqual(['DIGEST_INVALID']);
      }
    });
  });

  describe('what is not there', () => {
    const name = 'raw/missing';
    beforeAll(() => client().push(name, anImage(), 'v1'));

    it.each([
      ['an unknown digest', randomBlob(1_024).digest, 'MANIFEST_UNKNOWN', 404],
      ['an unknown tag', 'missing-tag', 'MANIFEST_UNKNOWN', 404],
      ['a digest that is none', 'sha256:baddigeststring', 'DIGEST_INVALID', 400],
    ])('is not pulled by %s', async (_what, reference, code, status) => {
      expect((await client().getManifest(name, reference)).expect(status).codes).toEqual([code]);
      expect(await statusOf(name, reference)).toBe(status);
    });

    it('is not pulled from a repository that is not there', async () => {
      expect((await client().getManifest('raw/missing-repository', 'v1')).expect(404).codes).toEqual(['NAME_UNKNOWN']);
    });

    it('is not made by a manifest under a digest that is none', async () => {
      await client().pushBlob(name, EMPTY_CONFIG);
      const answer = await client().putManifest(name, 'sha256:baddigeststring', aManifest());
      expect(answer.expect(400).codes).toEqual(['DIGEST_INVALID']);
      expect(await statusOf(name, aManifest().digest)).toBe(404);
    });

    it('has referrers: an index of none, in a repository or without one', async () => {
      for (const where of [name, 'raw/missing-repository']) {
        const answer = (await client().referrers(where, randomBlob(10).digest)).expect(200);
        expect(answer.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
        expect(answer.json()).toMatchObject({ schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: [] });
      }
    });
  });
}
