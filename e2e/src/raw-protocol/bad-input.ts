import { aManifest, EMPTY_CONFIG, exchangeBytes, type HttpAnswer, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';

/** The codes that the spec knows; a 4xx has no other. */
const CODES =
  /^(BLOB_UNKNOWN|BLOB_UPLOAD_INVALID|BLOB_UPLOAD_UNKNOWN|DIGEST_INVALID|MANIFEST_BLOB_UNKNOWN|MANIFEST_INVALID|MANIFEST_UNKNOWN|NAME_INVALID|NAME_UNKNOWN|SIZE_INVALID|UNAUTHORIZED|DENIED|UNSUPPORTED|TOOMANYREQUESTS)$/;

/** Malformed names, references, digests, methods and messages: refused in the spec's words, and nothing stored. */
export function describeBadInput(stack: () => Stack): void {
  const client = () => stack().client();
  // A token for a name that is none cannot be had; one for the rest of the request does.
  const scopes = ['repository:raw/bad:pull,push'];

  function expectRefusal(answer: HttpAnswer, ...statuses: number[]): void {
    answer.expect(...statuses);
    expect(answer.header('content-type')).toMatch(/^application\/json/);
    expect(answer.codes).toHaveLength(1);
    expect(answer.codes[0]).toMatch(CODES);
  }

  describe('malformed names', () => {
    const tooLong = `a/${'b'.repeat(300)}`;
    const names = ['Upper/case', 'a//b', '-a/b', 'a/b-', 'a/.b', 'a/b..c', 'a/b%20c', 'a/___b', tooLong];
    it.each(names.map((name) => ({ shown: name.slice(0, 12), name })))(
      'refuses to push to $shown',
      async ({ name }) => {
        expectRefusal(await client().call('POST', `/v2/${name}/blobs/uploads/`, scopes), 400, 404);
        const body = aManifest().bytes;
        const headers = { 'content-type': aManifest().mediaType };
        expectRefusal(await client().call('PUT', `/v2/${name}/manifests/v1`, scopes, { body, headers }), 400, 404);
      },
    );

    it.each(['/v2/a/../b/tags/list', '/v2/%2e%2e/etc/tags/list', '/v2/a%2f..%2fb/tags/list', '/v2/a/%00/tags/list'])(
      'does not leave its tree for %s',
      async (path) => {
        const answer = await exchangeBytes(
          stack().host,
          `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).toMatch(/^HTTP\/1\.1 (400|401|404) /);
      },
    );
  });

  describe('malformed references', () => {
    const references = ['-leading', '.leading', 'a'.repeat(129), 'sp%20ace', 'a:b', 'sha256:short', 'ü'];
    it.each(references.map((reference) => ({ shown: reference.slice(0, 12), reference })))(
      'stores no manifest as $shown',
      async ({ reference }) => {
        await client().pushBlob('raw/bad-references', EMPTY_CONFIG);
        expectRefusal(await client().putManifest('raw/bad-references', reference, aManifest()), 400, 404);
        expectRefusal(await client().getManifest('raw/bad-references', reference), 400, 404);
      },
    );
  });

  describe('malformed digests', () => {
    it.each(['sha256:abc', `sha256:${'G'.repeat(64)}`, `sha256:${'a'.repeat(65)}`, 'sha256', `md5:${'0'.repeat(32)}`])(
      'has no blob %s',
      async (digest) => {
        expectRefusal(await client().getBlob('raw/bad', digest), 400, 404);
        expect([400, 404]).toContain((await client().headBlob('raw/bad', digest)).status);
        expectRefusal(await client().deleteBlob('raw/bad', digest), 400, 404);
      },
    );
  });

  describe('malformed chunks', () => {
    it.each(['bytes 0-4/5', '0-', 'a-b', '4-0', '-5', '0-99999999999999999999'])(
      'refuses a Content-Range of %s and keeps the session',
      async (range) => {
        const blob = randomBlob(5);
        const session = await client().startUpload('raw/bad-ranges');
        expectRefusal(await session.patch(blob.bytes, 0, { headers: { 'content-range': range } }), 400, 416);
        (await session.patch(blob.bytes, 0)).expect(202);
        (await session.finish(blob.digest)).expect(201);
      },
    );

    it('refuses a Content-Range that does not fit the length of the body', async () => {
      const session = await client().startUpload('raw/bad-ranges');
      const answer = await session.patch(Buffer.from('12345'), 0, { headers: { 'content-range': '0-9' } });
      expectRefusal(answer, 400, 416);
    });
  });

  describe('messages that are no requests', () => {
    it.each([
      ['no HTTP', 'nonsense\r\n\r\n'],
      [
        'a length that is no number',
        'POST /v2/raw/x/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n',
      ],
      ['two lengths', 'POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy'],
      [
        'a length and chunks',
        'POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
      ['a header of 100 kB', `GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`],
    ])('refuses %s and lives on', async (_what, bytes) => {
      const answer = await exchangeBytes(stack().host, bytes);
      expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
      expect((await client().ping()).status).toBe(200);
    });

    it('outlives a client that leaves in the middle of a body, and keeps what came in order', async () => {
      const session = await client().startUpload('raw/leaves');
      const { pathname, search } = new URL(session.location, stack().base);
      const token = await client().tokenFor(['repository:raw/leaves:pull,push']);
      const head = [
        `PATCH ${pathname}${search} HTTP/1.1`,
        'Host: x',
        ...(token ? [`Authorization: ${token}`] : []),
        'Content-Type: application/octet-stream',
        'Content-Length: 1000000',
      ].join('\r\n');
      await exchangeBytes(stack().host, `${head}\r\n\r\n${'x'.repeat(1_000)}`, 300);
      (await session.status()).expect(204, 404);
      expect((await client().ping()).status).toBe(200);
    });
  });

  describe('unknown routes and methods', () => {
    it.each(['/v2/raw/bad', '/v2/raw/bad/nothing', '/v2/raw/bad/tags', '/v2/raw/bad/blobs/'])(
      'does not know GET %s',
      async (path) => {
        const answer = await client().call('GET', path, ['repository:raw/bad:pull']);
        answer.expect(400, 404, 405);
      },
    );

    it('names the methods that a route has', async () => {
      const answer = await client().call('POST', '/v2/raw/bad/tags/list', scopes);
      expect(answer.expect(405).header('allow')).toContain('GET');
    });
  });

  it('has made no repository of all that', async () => {
    expect((await client().listTags('raw/bad')).codes).toEqual(['NAME_UNKNOWN']);
    const { tags } = (await client().listTags('raw/bad-references')).expect(200).json<{ tags: string[] }>();
    expect(tags).toEqual([]);
  });
}
