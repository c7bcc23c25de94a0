import { randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';

/** Spec: "Pulling blobs", "Deleting blobs". */
export function describeBlobs(stack: () => Stack): void {
  const client = () => stack().client();

  describe('GET and HEAD /v2/:name/blobs/:digest', () => {
    const blob = randomBlob(100_000);
    const name = 'raw/blobs';
    beforeAll(() => client().pushBlob(name, blob));

    it('answers HEAD with the size and the digest, and no body', async () => {
      const answer = (await client().headBlob(name, blob.digest)).expect(200);
      expect(answer.header('content-length')).toBe('100000');
      expect(answer.header('docker-content-digest')).toBe(blob.digest);
      expect(answer.bytes).toHaveLength(0);
    });

    it('answers GET with the bytes and the digest', async () => {
      const answer = (await client().getBlob(name, blob.digest)).expect(200);
      expect(answer.header('docker-content-digest')).toBe(blob.digest);
      expect(answer.bytes.equals(blob.bytes)).toBe(true);
    });

    it('answers 304 to GET and HEAD of a client that has it', async () => {
      const etag = (await client().headBlob(name, blob.digest)).header('etag')!;
      const options = { headers: { 'if-none-match': etag } };
      expect((await client().getBlob(name, blob.digest, options)).expect(304).bytes).toHaveLength(0);
      (await client().headBlob(name, blob.digest, options)).expect(304);
    });

    it.each([
      { range: 'bytes=0-0', from: 0, to: 0 },
      { range: 'bytes=100-199', from: 100, to: 199 },
      { range: 'bytes=99990-', from: 99_990, to: 99_999 },
      { range: 'bytes=-10', from: 99_990, to: 99_999 },
      { range: 'bytes=99000-200000', from: 99_000, to: 99_999 },
    ])('answers $range with that part', async ({ range, from, to }) => {
      const answer = (await client().getBlob(name, blob.digest, { headers: { range } })).expect(206);
      expect(answer.header('content-range')).toBe(`bytes ${from}-${to}/100000`);
      expect(answer.bytes.equals(blob.bytes.subarray(from, to + 1))).toBe(true);
    });

    it('answers 416 to a range behind the end', async () => {
      const headers = { range: 'bytes=100000-' };
      const answer = (await client().getBlob(name, blob.digest, { headers })).expect(416);
      expect(answer.header('content-range')).toBe('bytes */100000');
    });

    it.each(['bytes=500-0', 'bytes=abc', 'nonsense', 'bytes=-'])('does not fall over %s', async (range) => {
      const answer = await client().getBlob(name, blob.digest, { headers: { range } });
      answer.expect(200, 400, 416);
      if (answer.status === 200) expect(answer.bytes.equals(blob.bytes)).toBe(true);
    });

    it('does not know a blob that was not pushed, nor one of another repository', async () => {
      await client().pushBlob('raw/blobs-elsewhere', randomBlob(10));
      for (const [where, digest] of [
        [name, randomBlob(10).digest],
        ['raw/blobs-elsewhere', blob.digest],
        ['raw/blobs-nowhere', blob.digest],
      ] as const) {
        const answer = (await client().getBlob(where, digest)).expect(404);
        expect(['BLOB_UNKNOWN', 'NAME_UNKNOWN']).toContain(answer.codes[0]);
        expect((await client().headBlob(where, digest)).status).toBe(404);
      }
    });
  });

  describe('DELETE /v2/:name/blobs/:digest', () => {
    it('takes the blob away from this repository only', async () => {
      const blob = randomBlob(1_000);
      for (const name of ['raw/delete-here', 'raw/delete-there']) await client().pushBlob(name, blob);
      (await client().deleteBlob('raw/delete-here', blob.digest)).expect(202);
      expect((await client().getBlob('raw/delete-here', blob.digest)).status).toBe(404);
      expect((await client().deleteBlob('raw/delete-here', blob.digest)).status).toBe(404);
      (await client().getBlob('raw/delete-there', blob.digest)).expect(200);
    });

    it('does not know a blob that was never there', async () => {
      const answer = await client().deleteBlob('raw/delete-here', randomBlob(10).digest);
      expect(answer.expect(404).codes[0]).toMatch(/BLOB_UNKNOWN|NAME_UNKNOWN/);
    });
  });
}
