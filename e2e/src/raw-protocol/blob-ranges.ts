import { type Blob, digestOf, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';
import type { Algorithm } from './content-set.js';

const SIZE = 2_048;
/** Above it a gateway reads a blob in parts from the store and does not keep it. */
const LARGE = 300_000;

/** Spec: "Pulling blobs" with RFC 9110 section 14: one range of bytes, of small and of large blobs. */
export function describeBlobRanges(stack: () => Stack): void {
  const client = () => stack().client();

  describe.each<{ algorithm: Algorithm; size: number }>([
    { algorithm: 'sha256', size: SIZE },
    { algorithm: 'sha512', size: SIZE },
    { algorithm: 'sha256', size: LARGE },
  ])('ranges of a blob of $size bytes named by $algorithm', ({ algorithm, size }) => {
    const name = 'raw/ranges';
    const random = randomBlob(size);
    const blob: Blob = { ...random, digest: digestOf(random.bytes, algorithm) };
    beforeAll(() => client().pushBlob(name, blob));
    const get = (range: string, headers: Record<string, string> = {}) =>
      client().getBlob(name, blob.digest, { headers: { range, ...headers } });

    it.each([
      { range: 'bytes=500-1499', from: 500, to: 1_499 },
      { range: 'bytes=500-', from: 500, to: size - 1 },
      { range: 'bytes=-500', from: size - 500, to: size - 1 },
      { range: `bytes=${size - 48}-${size + 3_000}`, from: size - 48, to: size - 1 },
      { range: `bytes=-${2 * size}`, from: 0, to: size - 1 },
      { range: `bytes=${size - 1}-${size - 1}`, from: size - 1, to: size - 1 },
    ])('answers $range with that part, its length and the digest of the whole', async ({ range, from, to }) => {
      const answer = (await get(range)).expect(206);
      expect(answer.bytes.equals(blob.bytes.subarray(from, to + 1))).toBe(true);
      expect(answer.header('content-length')).toBe(String(to - from + 1));
      expect(answer.header('content-range')).toBe(`bytes ${from}-${to}/${size}`);
      expect(answer.header('docker-content-digest')).toBe(blob.digest);
    });

    it.each(['bytes=500-0', `bytes=${size}-`, `bytes=${size * 2}-${size * 3}`, 'bytes=-0'])(
      'answers 416 to %s, and says how long the blob is',
      async (range) => {
        const answer = (await get(range)).expect(416);
        expect(answer.header('content-range')).toBe(`bytes */${size}`);
        expect(answer.codes).toEqual(['SIZE_INVALID']);
      },
    );

    it.each(['bytes=0-1,4-5', 'items=0-1', 'bytes=a-b'])('answers %s with the whole blob', async (range) => {
      const answer = (await get(range)).expect(200);
      expect(answer.bytes.equals(blob.bytes)).toBe(true);
      expect(answer.header('content-length')).toBe(String(size));
    });

    it('answers a range only if the blob is what If-Range names', async () => {
      expect((await get('bytes=0-9', { 'if-range': `"${blob.digest}"` })).expect(206).bytes).toHaveLength(10);
      const whole = (await get('bytes=0-9', { 'if-range': '"another"' })).expect(200);
      expect(whole.bytes.equals(blob.bytes)).toBe(true);
    });

    it('goes on where a pull broke off', async () => {
      const half = (await get('bytes=0-999')).expect(206).bytes;
      const rest = (await get('bytes=1000-')).expect(206).bytes;
      expect(digestOf(Buffer.concat([half, rest]), algorithm)).toBe(blob.digest);
    });

    it('says that it takes ranges', async () => {
      expect((await client().headBlob(name, blob.digest)).expect(200).header('accept-ranges')).toBe('bytes');
    });
  });
}
