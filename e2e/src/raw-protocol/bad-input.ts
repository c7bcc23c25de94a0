import {
  aManifest,
  anImage,
  basic,
  EMPTY_CONFIG,
  eventually,
  exchangeBytes,
  type HttpAnswer,
  randomBlob,
} from '@berth/testing';

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
    const names = [
      ...['Upper/case', 'a//b', '-a/b', 'a/b-', 'a/b.', 'a/b_', 'a./b', 'a/.b', 'a/b..c', 'a/b%20c', 'a/___b', 'a/'],
      ...[
        'a/_uploads',
        '_blobs/a',
        'a/%5cb',
        'a%5c..%5cb',
        'a/b%00',
        'a/b%0a',
        'a%2fb',
        'a/%252e%252e/b',
        'a/b:c',
        'a/b@c',
      ],
      ...[
        'a/b%3ac',
        'a/%F0%9F%98%80',
        '%d0%b0/b',
        'a/%ef%bd%82',
        'a/b%c3%28',
        'a/b%',
        'a/b%zz',
        'a/b+c',
        'a/b~',
        'a/*',
      ],
      ...['manage/a', 'manage', tooLong, `a/${'b'.repeat(254)}`, 'c'.repeat(248)],
    ];
    it.each(names.map((name) => ({ shown: name.slice(0, 16), name })))(
      'refuses to push to $shown',
      async ({ name }) => {
        expectRefusal(await client().call('POST', `/v2/${name}/blobs/uploads/`, scopes), 400, 404);
        const body = aManifest().bytes;
        const headers = { 'content-type': aManifest().mediaType };
        expectRefusal(await client().call('PUT', `/v2/${name}/manifests/v1`, scopes, { body, headers }), 400, 404);
      },
    );

    const traversals = [
      ...[
        'a/../b',
        '..',
        '../..',
        'a/..',
        '%2e%2e/etc',
        'a/%2e%2e',
        'a/%2E./b',
        'a%2f..%2fb',
        'a/%252e%252e/b',
        '/a',
        'a//b',
      ],
      ...[
        'a/./b',
        'a\\b',
        '..\\..\\etc',
        'a%5c..%5cb',
        'a/%00',
        'a/\x01b',
        '\u0430/b',
        '$2e$2e/b',
        'a$b',
        'A/b',
        'a/b/',
        '',
        '.',
      ],
    ];
    const rests = ['tags/list', 'manifests/v1', 'blobs/uploads/', 'manifests/../v1', `blobs/sha256:${'0'.repeat(64)}`];
    it.each(traversals)('does not leave its tree for "%s", sent as it is', async (name) => {
      const headers = [
        'Host: x',
        'Content-Length: 0',
        'Connection: close',
        ...(stack().credentials ? [`Authorization: ${basic(stack().credentials!)}`] : []),
      ].join('\r\n');
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        for (const rest of rests) {
          const answer = await exchangeBytes(
            stack().host,
            `${method} /v2/${name}/${rest} HTTP/1.1\r\n${headers}\r\n\r\n`,
          );
          expect([method, rest, answer.slice(0, 13)]).toEqual([
            method,
            rest,
            expect.stringMatching(/^HTTP\/1\.1 (400|404) $/),
          ]);
        }
      }
    });

    it.each([
      'words/blobs',
      'words/manifests',
      'words/tags',
      'words/tags/list',
      'words/blobs/uploads',
      'words/uploads',
      'blobs/uploads',
    ])('takes %s for a name like others, though its words are those of paths', async (name) => {
      const image = anImage({ layers: 1 });
      await client().push(name, image, 'list');
      await client().pullAndCompare(name, 'list', image);
      expect((await client().listTags(name)).expect(200).json()).toEqual({ name, tags: ['list'] });
    });

    it('takes a name of 255 characters, and a tag of 128', async () => {
      const name = `raw/${'n'.repeat(251)}`;
      const [image, tag] = [anImage({ layers: 1 }), 'T'.repeat(128)];
      await client().push(name, image, tag);
      await client().pullAndCompare(name, tag, image);
    });
  });

  describe('malformed references', () => {
    const references = [
      ...[
        '-leading',
        '.leading',
        '..',
        '%2e%2e',
        'a'.repeat(129),
        'sp%20ace',
        'a:b',
        'ü',
        'a%00',
        'a%2fb',
        'a%5cb',
        'a+b',
      ],
      ...['a%0d%0aSet-Cookie:x', '@', `@sha256:${'0'.repeat(64)}`, 'sha256:short', `sha256:${'A'.repeat(64)}`],
      ...[`sha1:${'0'.repeat(40)}`, `md5:${'0'.repeat(32)}`, `sha512:${'0'.repeat(64)}`, `sha256:${'0'.repeat(64)}:x`],
    ];
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
    const digests = [
      ...[
        'sha256:abc',
        `sha256:${'G'.repeat(64)}`,
        `sha256:${'A'.repeat(64)}`,
        `SHA256:${'a'.repeat(64)}`,
        'sha256',
        'sha256:',
      ],
      ...[
        `sha256:${'a'.repeat(63)}`,
        `sha256:${'a'.repeat(65)}`,
        `sha256:${'a'.repeat(128)}`,
        `sha512:${'a'.repeat(64)}`,
      ],
      ...[`sha512:${'a'.repeat(127)}`, `md5:${'0'.repeat(32)}`, `sha1:${'0'.repeat(40)}`, `sha384:${'0'.repeat(96)}`],
      ...[
        `blake3:${'0'.repeat(64)}`,
        `sha256+b64:${'0'.repeat(64)}`,
        `sha256:${'a'.repeat(64)}%2f..`,
        `sha256:${'a'.repeat(64)}%00`,
      ],
      ...[
        `sha256:${'a'.repeat(64)}%20`,
        `sha256%3a%3a${'a'.repeat(64)}`,
        `:${'a'.repeat(64)}`,
        `%20sha256:${'a'.repeat(64)}`,
      ],
    ];
    it.each(digests)('has no blob %s', async (digest) => {
      expectRefusal(await client().getBlob('raw/bad', digest), 400, 404);
      expect([400, 404]).toContain((await client().headBlob('raw/bad', digest)).status);
      expectRefusal(await client().deleteBlob('raw/bad', digest), 400, 404);
    });

    it.each(digests)('commits no upload as %s', async (encoded) => {
      const digest = decodeURIComponent(encoded);
      const headers = { 'content-type': 'application/octet-stream' };
      const single = await client().postUpload('raw/bad-digests', { query: { digest }, headers, body: 'bytes' });
      expect(single.expect(400).codes).toEqual(['DIGEST_INVALID']);
      const session = await client().startUpload('raw/bad-digests');
      expect((await session.finish(digest, Buffer.from('bytes'))).expect(400).codes).toEqual(['DIGEST_INVALID']);
    });

    it('knows no path behind a digest', async () => {
      const digest = `sha256:${'a'.repeat(64)}`;
      for (const path of [`${digest}/`, `${digest}/x`, `${digest}/../x`, `x/${digest}`]) {
        expect((await client().getBlob('raw/bad', path)).status).toBeGreaterThanOrEqual(400);
        expect((await client().getBlob('raw/bad', path)).status).toBeLessThan(500);
      }
    });

    it('commits no upload under one of two digests, in whatever order', async () => {
      const [blob, other] = [randomBlob(5), randomBlob(5)];
      for (const digest of [
        [blob.digest, other.digest],
        [other.digest, blob.digest],
        [blob.digest, blob.digest],
      ]) {
        const headers = { 'content-type': 'application/octet-stream' };
        const single = await client().postUpload('raw/bad-digests', { query: { digest }, headers, body: blob.bytes });
        expect(single.expect(400).codes).toEqual(['DIGEST_INVALID']);
        const session = await client().startUpload('raw/bad-digests');
        const query = digest.map((value) => `digest=${value}`).join('&');
        const answer = await client().call(
          'PUT',
          `${session.location}?${query}`,
          ['repository:raw/bad-digests:pull,push'],
          {
            body: blob.bytes,
          },
        );
        expect(answer.expect(400).codes).toEqual(['DIGEST_INVALID']);
      }
      expect((await client().headBlob('raw/bad-digests', blob.digest)).status).toBe(404);
    });

    it.each([
      ['tags/list', 'GET', { n: ['1', '2'], last: ['a', 'b'] }, [200, 400, 404]],
      ['blobs/uploads/', 'POST', { mount: ['x', 'y'], from: ['a/b', 'c/d'] }, [202]],
      ['blobs/uploads/', 'POST', { 'digest-algorithm': ['sha512', 'md5'] }, [202, 400]],
      ['blobs/uploads/', 'POST', { __proto__x: ['1'], constructor: ['2', '3'], '': [''] }, [202]],
    ] as const)('answers a repeated parameter of %s, to %s %j', async (rest, method, query, statuses) => {
      const answer = await client().inRepository(method, 'raw/bad-digests', rest, { query });
      answer.expect(...statuses);
    });
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
      await eventually(async () => (await session.status()).expect(204).header('range') === '0-999', {
        what: 'the 1,000 bytes that came are kept',
      });
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
