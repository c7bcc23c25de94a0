import { type PushForm, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';

/** Spec: "Pushing blobs". */
export function describeUploads(stack: () => Stack): void {
  const FORMS: PushForm[] = ['single-post', 'post-put', 'chunked', 'stream'];
  const SIZES = [0, 1, 300_000, 11_000_000];
  const client = () => stack().client();

  describe('POST, PATCH and PUT /v2/:name/blobs/uploads/', () => {
    it.each(FORMS.flatMap((form) => SIZES.map((size) => ({ form, size }))))(
      'takes a blob of $size bytes by $form',
      async ({ form, size }) => {
        const blob = randomBlob(size);
        await client().pushBlob('raw/forms', blob, form, 1_000_000);
        const { bytes } = (await client().getBlob('raw/forms', blob.digest)).expect(200);
        expect(bytes.equals(blob.bytes)).toBe(true);
      },
    );

    it('starts a session with an id and no bytes', async () => {
      const answer = (await client().postUpload('raw/start')).expect(202);
      expect(answer.header('location')).toMatch(/\/v2\/raw\/start\/blobs\/uploads\/[^/]+/);
      expect(answer.header('docker-upload-uuid')).toBeTruthy();
      expect(answer.header('range')).toBe('0-0');
    });

    it('says after each chunk how much it has, and takes the last one with the PUT', async () => {
      const blob = randomBlob(300_000);
      const session = await client().startUpload('raw/chunks');
      const first = (await session.patch(blob.bytes.subarray(0, 100_000), 0)).expect(202);
      expect(first.header('range')).toBe('0-99999');
      expect((await session.status()).expect(204).header('range')).toBe('0-99999');
      (await session.patch(blob.bytes.subarray(100_000, 200_000), 100_000)).expect(202);
      const last = await session.finish(blob.digest, blob.bytes.subarray(200_000), {
        headers: { 'content-range': '200000-299999' },
      });
      last.expect(201);
      expect(last.header('docker-content-digest')).toBe(blob.digest);
      const at = new URL(last.header('location')!, stack().base);
      const pulled = await client().call('GET', at.href, ['repository:raw/chunks:pull']);
      expect(pulled.expect(200).bytes.equals(blob.bytes)).toBe(true);
    });

    it('refuses a chunk out of order and goes on with the right one', async () => {
      const blob = randomBlob(200_000);
      const session = await client().startUpload('raw/order');
      (await session.patch(blob.bytes.subarray(0, 100_000), 0)).expect(202);
      (await session.patch(blob.bytes.subarray(0, 100_000), 0)).expect(416);
      (await session.patch(blob.bytes.subarray(100_000), 150_000)).expect(416);
      expect((await session.status()).expect(204).header('range')).toBe('0-99999');
      (await session.patch(blob.bytes.subarray(100_000), 100_000)).expect(202);
      (await session.finish(blob.digest)).expect(201);
    });

    it('refuses a last chunk out of order', async () => {
      const blob = randomBlob(200);
      const session = await client().startUpload('raw/last');
      (await session.patch(blob.bytes.subarray(0, 100), 0)).expect(202);
      const headers = { 'content-range': '150-249' };
      (await session.finish(blob.digest, blob.bytes.subarray(100), { headers })).expect(416);
    });

    it('takes an empty PATCH', async () => {
      const blob = randomBlob(10);
      const session = await client().startUpload('raw/empty-patch');
      (await session.stream([])).expect(202);
      (await session.finish(blob.digest, blob.bytes)).expect(201);
    });

    it('stores nothing when the digest is another one', async () => {
      const [blob, other] = [randomBlob(1_000), randomBlob(1_000)];
      const session = await client().startUpload('raw/mismatch');
      const answer = (await session.finish(other.digest, blob.bytes)).expect(400);
      expect(answer.codes).toEqual(['DIGEST_INVALID']);
      const query = { digest: other.digest };
      const headers = { 'content-type': 'application/octet-stream' };
      const single = await client().postUpload('raw/mismatch', { query, headers, body: blob.bytes });
      expect(single.expect(400).codes).toEqual(['DIGEST_INVALID']);
      for (const { digest } of [blob, other]) {
        expect((await client().headBlob('raw/mismatch', digest)).status).toBe(404);
      }
    });

    it.each([
      ['no digest', undefined],
      ['no digest at all', 'nonsense'],
      ['a digest of too few digits', 'sha256:abc'],
      ['an unknown algorithm', `md5:${'0'.repeat(32)}`],
    ])('refuses to commit with %s', async (_what, digest) => {
      const session = await client().startUpload('raw/bad-commit');
      const answer = (await session.finish(digest, Buffer.from('bytes'))).expect(400);
      expect(answer.codes).toEqual(['DIGEST_INVALID']);
    });

    it('forgets a cancelled session', async () => {
      const session = await client().startUpload('raw/cancel');
      (await session.patch(Buffer.from('bytes'), 0)).expect(202);
      const { location } = session;
      (await session.cancel()).expect(204);
      const answer = await client().call('GET', location, ['repository:raw/cancel:pull,push']);
      expect(answer.expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    });

    it('does not know a session that was never started', async () => {
      const path = 'blobs/uploads/00000000-0000-4000-8000-000000000000';
      for (const method of ['GET', 'PATCH', 'DELETE']) {
        const answer = await client().inRepository(method, 'raw/nothing', path, {
          ...(method === 'PATCH' && { body: 'x' }),
          scopes: ['repository:raw/nothing:pull,push'],
        });
        expect([method, answer.status, answer.codes]).toEqual([method, 404, ['BLOB_UPLOAD_UNKNOWN']]);
      }
    });

    it('does not let a session be used from another repository', async () => {
      const session = await client().startUpload('raw/owner');
      const elsewhere = session.location.replace('/raw/owner/', '/raw/thief/');
      const answer = await client().call('PATCH', elsewhere, ['repository:raw/thief:pull,push'], { body: 'x' });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
    });
  });

  describe('POST /v2/:name/blobs/uploads/?mount=', () => {
    it('mounts a blob of another repository', async () => {
      const blob = randomBlob(50_000);
      await client().pushBlob('raw/mount-from', blob);
      const answer = (await client().mountBlob('raw/mount-to', blob.digest, 'raw/mount-from')).expect(201);
      expect(answer.header('docker-content-digest')).toBe(blob.digest);
      expect(answer.header('location')).toContain(`/v2/raw/mount-to/blobs/${blob.digest}`);
      const { bytes } = (await client().getBlob('raw/mount-to', blob.digest)).expect(200);
      expect(bytes.equals(blob.bytes)).toBe(true);
    });

    it('starts an upload where the source or the blob is not there', async () => {
      const blob = randomBlob(100);
      await client().pushBlob('raw/mount-has', blob);
      const absent = randomBlob(100).digest;
      for (const [digest, from] of [[absent, 'raw/mount-has'] as const, [blob.digest, 'raw/mount-never'] as const]) {
        const answer = (await client().mountBlob('raw/mount-target', digest, from)).expect(202);
        expect(answer.header('location')).toBeTruthy();
      }
    });
  });
}
