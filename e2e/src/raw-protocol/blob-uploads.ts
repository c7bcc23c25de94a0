import { Readable } from 'node:stream';

import { type Blob, digestOf, type HttpAnswer, randomBlob, UploadSession } from '@berth/testing';

import type { Stack } from '../stack.js';
import type { Algorithm } from './content-set.js';

const OCTETS = { 'content-type': 'application/octet-stream' };
const CHUNK = 1_024;
/** Three chunks, the last one shorter. */
const SIZE = 3 * CHUNK - 5;

/** Spec: "Push", "Pushing Blobs": each form, by each algorithm, with the answer that it ends in. */
export function describeBlobUploads(stack: () => Stack): void {
  const client = () => stack().client();
  const aBlob = (algorithm: Algorithm, size = SIZE) => named(randomBlob(size), algorithm);
  const named = (blob: Blob, algorithm: Algorithm): Blob => ({ ...blob, digest: digestOf(blob.bytes, algorithm) });
  const asSession = async (blob: Blob, name: string, chunk: number) =>
    [await client().startUpload(name), chunksOf(blob, chunk)] as const;

  /** Each brings a blob over under the digest that is given, and gives the last answer back. */
  const FORMS: Record<string, (name: string, blob: Blob) => Promise<HttpAnswer>> = {
    'one POST': (name, blob) =>
      client().postUpload(name, { query: { digest: blob.digest }, headers: OCTETS, body: blob.bytes }),
    'POST and PUT': async (name, blob) => (await client().startUpload(name)).finish(blob.digest, blob.bytes),
    'one chunk': async (name, blob) => {
      const session = await client().startUpload(name);
      (await session.patch(blob.bytes, 0)).expect(202);
      return session.finish(blob.digest);
    },
    'three chunks': async (name, blob) => {
      const [session, chunks] = await asSession(blob, name, CHUNK);
      for (const { start, bytes } of chunks) (await session.patch(bytes, start)).expect(202);
      return session.finish(blob.digest);
    },
    'two chunks and a PUT with the third': async (name, blob) => {
      const [session, chunks] = await asSession(blob, name, CHUNK);
      const last = chunks.pop()!;
      for (const { start, bytes } of chunks) (await session.patch(bytes, start)).expect(202);
      return finishWith(session, blob.digest, last);
    },
    'a stream': async (name, blob) => {
      const session = await client().startUpload(name);
      (await session.stream([blob.bytes.subarray(0, 100), blob.bytes.subarray(100)])).expect(202);
      return session.finish(blob.digest);
    },
  };

  describe.each<Algorithm>(['sha256', 'sha512'])('uploads named by %s', (algorithm) => {
    const name = `raw/uploads-${algorithm}`;

    it.each(Object.keys(FORMS))('by %s: committed, found, pulled, deleted', async (form) => {
      const blob = aBlob(algorithm);
      await expectCommitted(await FORMS[form]!(name, blob), name, blob);
    });

    it.each(Object.keys(FORMS))('by %s: refused where the digest is of other bytes', async (form) => {
      const blob = aBlob(algorithm);
      const corrupt = { ...blob, bytes: Buffer.concat([blob.bytes, Buffer.from('oh no')]) };
      const answer = (await FORMS[form]!(name, corrupt)).expect(400);
      expect(answer.codes).toEqual(['DIGEST_INVALID']);
      expect((await client().headBlob(name, blob.digest)).status).toBe(404);
    });

    it.each([false, true])(
      'a chunk out of order is refused before each right one (the last by PUT: %s)',
      async (put) => {
        const blob = aBlob(algorithm);
        const [session, chunks] = await asSession(blob, name, CHUNK);
        let answer: HttpAnswer | undefined;
        for (const [n, { start, bytes }] of chunks.entries()) {
          const last = n === chunks.length - 1;
          const wrong = chunks[last ? 0 : n + 1]!;
          const refused =
            put && !last && n + 1 === chunks.length - 1
              ? await finishWith(session, blob.digest, wrong)
              : await session.patch(wrong.bytes, wrong.start);
          refused.expect(416);
          const status = (await session.status()).expect(204);
          expect(status.header('range')).toBe(`0-${Math.max(0, start - 1)}`);
          expect(status.header('location')).toBeTruthy();
          if (put && last) answer = await finishWith(session, blob.digest, { start, bytes });
          else (await session.patch(bytes, start)).expect(202);
        }
        await expectCommitted(answer ?? (await session.finish(blob.digest)), name, blob);
      },
    );

    it.each([0, 2])('an empty blob and one of the bytes {} are blobs like others (%d bytes)', async (size) => {
      const blob = named({ ...randomBlob(0), bytes: Buffer.from('{}'.slice(0, size)), size }, algorithm);
      for (const form of ['one POST', 'POST and PUT'])
        await expectCommitted(await FORMS[form]!(name, blob), name, blob);
    });

    it('a mount from a repository that is named', async () => {
      const blob = aBlob(algorithm);
      await client().pushBlob(`${name}-source`, blob);
      await expectCommitted((await client().mountBlob(name, blob.digest, `${name}-source`)).expect(201), name, blob);
      (await client().getBlob(`${name}-source`, blob.digest)).expect(200);
    });

    it('a mount from wherever the blob is that the caller may read', async () => {
      const blob = aBlob(algorithm);
      await client().pushBlob(`${name}-source`, blob);
      const scopes = [`repository:${name}-source:pull`];
      const answer = await client().postUpload(name, { query: { mount: blob.digest }, scopes });
      await expectCommitted(answer.expect(201), name, blob);
    });

    it('a mount of what is not there is a session, which takes the blob', async () => {
      const blob = aBlob(algorithm);
      const answer = (await client().mountBlob(name, blob.digest, `${name}-source`)).expect(202);
      const session = new UploadSession(client(), name, answer.header('location')!);
      await expectCommitted(await session.finish(blob.digest, blob.bytes), name, blob);
    });

    it('announced by its algorithm', async () => {
      const blob = aBlob(algorithm);
      const answer = await client().postUpload(name, { query: { 'digest-algorithm': algorithm } });
      const session = new UploadSession(client(), name, answer.expect(202).header('location')!);
      (await session.patch(blob.bytes, 0)).expect(202);
      await expectCommitted(await session.finish(blob.digest), name, blob);
    });
  });

  describe('sessions as simple clients use them', () => {
    const name = 'raw/simple-clients';

    it('without a Content-Range, with an empty PATCH, and on the Location of the POST throughout', async () => {
      const blob = aBlob('sha256');
      const { location } = await client().startUpload(name);
      const scopes = [`repository:${name}:pull,push`];
      const send = (method: string, at: string, body?: Buffer) =>
        client().call(method, at, scopes, { headers: { ...OCTETS, ...(!body && { 'content-length': '0' }) }, body });
      (await send('PATCH', location)).expect(202);
      for (const { bytes } of chunksOf(blob, CHUNK)) (await send('PATCH', location, bytes)).expect(202);
      const [path] = location.split('?'); // a client that drops the query loses nothing
      (await send('PUT', `${path}?digest=${blob.digest}`)).expect(201);
      (await client().getBlob(name, blob.digest)).expect(200);
    });

    it('with the digest left in the URL when the state is asked for', async () => {
      const session = await client().startUpload(name);
      (await session.patch(Buffer.from('12345'), 0)).expect(202);
      const query = { digest: randomBlob(1).digest };
      const answer = await client().call('GET', session.location, [`repository:${name}:pull,push`], { query });
      expect(answer.expect(204).header('range')).toBe('0-4');
    });

    it('with a length that its Content-Range does not have', async () => {
      const session = await client().startUpload(name);
      const answer = await session.patch(Buffer.from('12345'), 0, { headers: { 'content-range': '0-9' } });
      expect(answer.expect(400).codes).toEqual(['SIZE_INVALID']);
      expect((await session.status()).expect(204).header('range')).toBe('0-0');
      (await session.finish(digestOf('12345'), Buffer.from('12345'))).expect(201);
    });

    it.each([
      ['more', '1234567890'],
      ['less', '12'],
    ])('of unknown length, where %s comes than its Content-Range says', async (_what, bytes) => {
      const session = await client().startUpload(name);
      (await session.patch(Buffer.from('12345'), 0)).expect(202);
      const scopes = [`repository:${name}:pull,push`];
      const headers = { ...OCTETS, 'content-range': '5-8' };
      const chunked = { headers, body: () => Readable.from([Buffer.from(bytes)]) };
      const answer = await client().call('PATCH', session.location, scopes, chunked);
      expect(answer.expect(400).codes).toEqual(['SIZE_INVALID']);
      expect((await session.status()).expect(204).header('range')).toBe('0-4');
      const rest = { headers, body: () => Readable.from([Buffer.from('67'), Buffer.from('89')]) };
      expect((await client().call('PATCH', session.location, scopes, rest)).expect(202).header('range')).toBe('0-8');
      (await session.finish(digestOf('123456789'))).expect(201);
    });

    it('ended by a PUT without a byte, whose Content-Range is not where the upload stands', async () => {
      const session = await client().startUpload(name);
      (await session.patch(Buffer.from('12345'), 0)).expect(202);
      const finish = (range: string) =>
        session.finish(digestOf('12345'), undefined, { headers: { 'content-range': range } });
      (await finish('500-600')).expect(400, 416);
      expect((await finish('500-500')).expect(416).codes).toEqual(['BLOB_UPLOAD_INVALID']);
      (await finish('5-5')).expect(201);
    });

    it('announced by an algorithm that nobody knows', async () => {
      const answer = await client().postUpload(name, { query: { 'digest-algorithm': 'md5' } });
      expect(answer.expect(400).codes).toEqual(['DIGEST_INVALID']);
    });

    it('opened and cancelled before the first byte', async () => {
      const session = await client().startUpload(name);
      (await session.cancel()).expect(204);
      expect((await session.status()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      (await session.cancel()).expect(404);
    });

    it('without a smallest size of chunks', async () => {
      expect((await client().postUpload(name)).expect(202).header('oci-chunk-min-length')).toBeUndefined();
    });
  });

  /** The end of every push: 201 with a Location that serves the bytes; HEAD, GET and DELETE as for any blob. */
  async function expectCommitted(answer: HttpAnswer, name: string, blob: Blob): Promise<void> {
    expect(answer.expect(201).header('docker-content-digest')).toBe(blob.digest);
    const at = new URL(answer.header('location')!, stack().base);
    const located = (await client().call('GET', at.href, [`repository:${name}:pull`])).expect(200);
    expect(located.bytes.equals(blob.bytes)).toBe(true);
    const head = (await client().headBlob(name, blob.digest)).expect(200);
    expect(head.header('content-length')).toBe(String(blob.size));
    expect(head.header('docker-content-digest')).toBe(blob.digest);
    const got = (await client().getBlob(name, blob.digest)).expect(200);
    expect(got.header('docker-content-digest')).toBe(blob.digest);
    expect(got.bytes.equals(blob.bytes)).toBe(true);
    (await client().deleteBlob(name, blob.digest)).expect(202);
    expect((await client().headBlob(name, blob.digest)).status).toBe(404);
  }
}

interface Chunk {
  start: number;
  bytes: Buffer;
}

function chunksOf({ bytes }: Blob, size: number): Chunk[] {
  const starts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => n * size);
  return starts.map((start) => ({ start, bytes: bytes.subarray(start, start + size) }));
}

function finishWith(session: UploadSession, digest: string, { start, bytes }: Chunk): Promise<HttpAnswer> {
  return session.finish(digest, bytes, { headers: { 'content-range': `${start}-${start + bytes.length - 1}` } });
}
