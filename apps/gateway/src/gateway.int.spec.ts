import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import {
  FIND_BLOB,
  FIND_UPLOAD,
  GET_MANIFEST,
  GRANT_APPEND,
  LIST_READABLE_REPOSITORIES,
  LIST_REFERRERS,
  LIST_TAGS,
  PUT_MANIFEST,
  START_UPLOAD,
} from '@berth/contracts';
import { digestOf, RegistryError, registryError } from '@berth/oci';
import { exchange, type HttpRequest } from '@berth/testing';
import { GatewayModule } from './gateway.module.js';
import { answering } from '@berth/platform/testing';
import { type GatewayUnderTest, startGateway } from './testing/gateway-under-test.js';

jest.setTimeout(60_000);

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const payload = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(payload);
const blob = Buffer.alloc(100_000, 'b');
const blobDigest = digestOf(blob);
const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

describe(`${GatewayModule.name} in open mode`, () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true' });
  });
  afterAll(() => gateway.stop());
  beforeEach(() => {
    gateway.transport.failure = null;
    gateway.transport.objects.set('objects/one', blob);
    answering(gateway.bus, FIND_BLOB, () => ({ digest: blobDigest, size: blob.length, objectKey: 'objects/one' }));
    answering(gateway.bus, GET_MANIFEST, () => ({
      digest,
      mediaType: TYPE,
      size: payload.length,
      payload: payload.toString('base64'),
    }));
    answering(gateway.bus, START_UPLOAD, () => ({ sessionId: SESSION }));
  });

  const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: HttpRequest['body']) =>
    exchange({ method, url: `${gateway.address}${path}`, headers, body });

  describe('answers', () => {
    it('the ping in both registries’ tongue', async () => {
      const answer = (await ask('GET', '/v2/')).expect(200);
      expect(answer.header('docker-distribution-api-version')).toBe('registry/2.0');
      expect(answer.json()).toEqual({});
    });

    it('a blob, whole and by range, with what a client needs to check and to cache it', async () => {
      const whole = (await ask('GET', `/v2/a/b/blobs/${blobDigest}`)).expect(200);
      expect(whole.bytes.equals(blob)).toBe(true);
      expect(whole.header('docker-content-digest')).toBe(blobDigest);
      expect(whole.header('etag')).toBe(`"${blobDigest}"`);
      expect(whole.header('cache-control')).toContain('immutable');
      expect(whole.header('accept-ranges')).toBe('bytes');
      const part = (await ask('GET', `/v2/a/b/blobs/${blobDigest}`, { range: 'bytes=10-19' })).expect(206);
      expect(part.bytes).toHaveLength(10);
      expect(part.header('content-range')).toBe('bytes 10-19/100000');
      const behind = (await ask('GET', `/v2/a/b/blobs/${blobDigest}`, { range: 'bytes=100000-' })).expect(416);
      expect(behind.header('content-range')).toBe('bytes */100000');
      expect(behind.header('cache-control')).toBeUndefined();
    });

    it('a part where If-Range is the ETag of the blob, and the whole where it is anything else', async () => {
      const part = (value: string, range = 'bytes=10-19') =>
        ask('GET', `/v2/a/b/blobs/${blobDigest}`, { range, 'if-range': value });
      expect((await part(`"${blobDigest}"`)).expect(206).bytes).toHaveLength(10);
      const others = [blobDigest, `W/"${blobDigest}"`, '"other"', '*', 'Sat, 29 Oct 1994 19:43:31 GMT', ''];
      for (const other of others) {
        const answer = (await part(other)).expect(200);
        expect(answer.bytes).toHaveLength(100_000);
        expect(answer.header('content-range')).toBeUndefined();
      }
      (await part('"other"', 'bytes=100000-')).expect(200);
    });

    it('many ranges, or an overflowing one, without more work than one', async () => {
      const many = `bytes=${Array.from({ length: 1_000 }, (_, n) => `${n}-${n}`).join(',')}`;
      (await ask('GET', `/v2/a/b/blobs/${blobDigest}`, { range: many })).expect(200);
      const huge = `bytes=0-${'9'.repeat(400)}`;
      expect((await ask('GET', `/v2/a/b/blobs/${blobDigest}`, { range: huge })).expect(206).bytes).toHaveLength(
        100_000,
      );
    });

    it.each([`/v2/a/b/blobs/${blobDigest}`, `/v2/a/b/manifests/${digest}`, '/v2/a/b/manifests/v1'])(
      'HEAD %s as GET, without a body',
      async (path) => {
        const [head, get] = [(await ask('HEAD', path)).expect(200), (await ask('GET', path)).expect(200)];
        expect(head.bytes).toHaveLength(0);
        for (const name of ['content-length', 'content-type', 'docker-content-digest', 'etag', 'cache-control']) {
          expect([name, head.header(name)]).toEqual([name, get.header(name)]);
        }
      },
    );

    it.each([`/v2/a/b/blobs/${blobDigest}`, `/v2/a/b/manifests/${digest}`, '/v2/a/b/manifests/v1'])(
      '304 to whoever has %s already',
      async (path) => {
        const etag = (await ask('HEAD', path)).header('etag')!;
        const answer = (await ask('GET', path, { 'if-none-match': `"other", W/${etag}` })).expect(304);
        expect(answer.bytes).toHaveLength(0);
        expect(answer.header('etag')).toBe(etag);
        (await ask('HEAD', path, { 'if-none-match': etag })).expect(304);
        for (const method of ['GET', 'HEAD']) (await ask(method, path, { 'if-none-match': '"other"' })).expect(200);
      },
    );

    it('304 before it looks at a range', async () => {
      const headers = { 'if-none-match': `"${blobDigest}"`, range: 'bytes=100000-' };
      (await ask('GET', `/v2/a/b/blobs/${blobDigest}`, headers)).expect(304);
    });

    it.each([`/v2/a/b/blobs/${blobDigest}`, '/v2/a/b/manifests/v1', '/v2/a/b/blobs/sha256:x', '/v2/'])(
      'HEAD %s to curl at the end of the connection, where curl stops to wait for a body, and to no other',
      async (path) => {
        // Not by exchange: to a HEAD of its own undici asks for the end of the connection.
        const connection = async (method: string, userAgent: string) => {
          const agent = new Agent({ keepAlive: true });
          const headers = { 'user-agent': userAgent };
          const asked = request(`${gateway.address}${path}`, { method, agent, headers }).end();
          const [answer] = (await once(asked, 'response')) as [IncomingMessage];
          agent.destroy();
          return answer.headers.connection;
        };
        expect(await connection('HEAD', 'curl/8.14.1')).toBe('close');
        for (const [method, userAgent] of [
          ['GET', 'curl/8.14.1'],
          ['HEAD', 'containers/5.34'],
          ['HEAD', 'not curl/8'],
        ] as const) {
          expect(await connection(method, userAgent)).toBe('keep-alive');
        }
      },
    );

    it('HEAD without a body where it fails', async () => {
      answering(gateway.bus, FIND_BLOB, () => {
        throw registryError('BLOB_UNKNOWN');
      });
      const answer = (await ask('HEAD', `/v2/a/b/blobs/${blobDigest}`)).expect(404);
      expect(answer.bytes).toHaveLength(0);
    });
  });

  describe('a list of referrers', () => {
    const path = `/v2/a/referrers/${digest}`;

    it('has the type of an index and nothing behind it, and the same for HEAD', async () => {
      answering(gateway.bus, LIST_REFERRERS, () => ({ referrers: [], more: false }));
      const [get, head] = [(await ask('GET', path)).expect(200), (await ask('HEAD', path)).expect(200)];
      for (const answer of [get, head]) {
        expect(answer.header('content-type')).toBe('application/vnd.oci.image.index.v1+json');
        expect(answer.header('content-length')).toBe(String(get.bytes.length));
      }
      expect(head.bytes).toHaveLength(0);
    });

    it('of what is no digest is 400', async () => {
      expect((await ask('GET', '/v2/a/referrers/sha256:x')).expect(400).codes).toEqual(['DIGEST_INVALID']);
    });
  });

  it('has no extensions, of its own and of a repository', async () => {
    for (const path of ['/v2/_oci/ext/discover', '/v2/a/_oci/ext/discover']) {
      const answer = (await ask('GET', path)).expect(200);
      expect(answer.header('content-type')).toMatch(/^application\/json/);
      expect(answer.json()).toEqual({ extensions: [] });
      expect((await ask('HEAD', path)).expect(200).bytes).toHaveLength(0);
    }
  });

  it('names a repository in an error as it was asked for', async () => {
    answering(gateway.bus, GET_MANIFEST, ({ repository, reference }) => {
      throw registryError('MANIFEST_UNKNOWN', { name: repository, reference });
    });
    for (const name of ['busybox', 'library/busybox', 'a/b']) {
      const answer = (await ask('GET', `/v2/${name}/manifests/v1`)).expect(404);
      expect(answer.json()).toMatchObject({
        errors: [{ code: 'MANIFEST_UNKNOWN', detail: { name, reference: 'v1' } }],
      });
    }
  });

  describe('method not allowed', () => {
    it.each([
      ['POST', '/v2/', 'GET, HEAD'],
      ['PUT', `/v2/a/blobs/${blobDigest}`, 'GET, HEAD, DELETE'],
      ['PATCH', '/v2/a/manifests/v1', 'GET, HEAD, PUT, DELETE'],
      ['POST', `/v2/a/blobs/uploads/${SESSION}`, 'PATCH, PUT, GET, HEAD, DELETE'],
      ['GET', '/v2/a/blobs/uploads/', 'POST'],
      ['DELETE', '/v2/a/tags/list', 'GET, HEAD'],
      ['PUT', `/v2/a/referrers/${digest}`, 'GET, HEAD'],
      ['POST', '/v2/_oci/ext/discover', 'GET, HEAD'],
      ['OPTIONS', '/v2/a/manifests/v1', 'GET, HEAD, PUT, DELETE'],
    ])('%s %s is 405 and says what is', async (method, path, allow) => {
      const answer = (await ask(method, path)).expect(405);
      expect(answer.header('allow')).toBe(allow);
      expect(answer.codes).toEqual(['UNSUPPORTED']);
    });
  });

  describe('an upload', () => {
    it('whose Content-Range is not as long as its body stores nothing', async () => {
      const asked = answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 }));
      const before = gateway.transport.appended.length;
      for (const range of ['0-8', '0-10', '5-5']) {
        const answer = await ask('PATCH', `/v2/a/blobs/uploads/${SESSION}`, { 'content-range': range }, '0123456789');
        expect(answer.expect(400).codes).toEqual(['SIZE_INVALID']);
      }
      expect([asked, gateway.transport.appended.length]).toEqual([[], before]);
    });

    it('says how far it is, also behind a 416', async () => {
      answering(gateway.bus, GRANT_APPEND, () => {
        throw registryError('BLOB_UPLOAD_INVALID', { offset: 7 }, { status: 416 });
      });
      answering(gateway.bus, FIND_UPLOAD, () => ({ offset: 7 }));
      const refused = await ask('PATCH', `/v2/a/blobs/uploads/${SESSION}`, { 'content-range': '9-9' }, 'x');
      expect(refused.expect(416).codes).toEqual(['BLOB_UPLOAD_INVALID']);
      const status = (await ask('GET', `/v2/a/blobs/uploads/${SESSION}?digest=left-over`)).expect(204);
      expect(status.header('range')).toBe('0-6');
      expect(status.header('location')).toBe(`/v2/a/blobs/uploads/${SESSION}`);
    });

    it('takes the first of two digests, and that one must be right', async () => {
      const query = (...digests: string[]) => digests.map((each) => `digest=${each}`).join('&');
      const answer = await ask('POST', `/v2/a/blobs/uploads/?${query('nonsense', blobDigest)}`, {}, blob);
      expect(answer.expect(400).codes).toEqual(['DIGEST_INVALID']);
    });
  });

  describe('a list of tags', () => {
    const tags = (query: string) => ask('GET', `/v2/a/tags/list?${query}`);

    it('is cut as asked, and says where it goes on', async () => {
      const asked = answering(gateway.bus, LIST_TAGS, () => ({ tags: ['v1', 'v2'] as never, more: true }));
      const answer = (await tags('n=2&last=v0')).expect(200);
      expect(answer.json()).toEqual({ name: 'a', tags: ['v1', 'v2'] });
      expect(answer.header('link')).toBe('</v2/a/tags/list?n=2&last=v2>; rel="next"');
      expect(asked).toEqual([{ repository: 'library/a', after: 'v0', limit: 2 }]);
    });

    it.each([
      ['huge', 'v'.repeat(5_000), 'v'.repeat(256)],
      ['with NUL, before which every tag sorts that it could', 'v1%00x', 'v1'],
      ['given twice', 'v1&last=v2', 'v1'],
    ])('takes a last that is %s', async (_what, last, after) => {
      const asked = answering(gateway.bus, LIST_TAGS, () => ({ tags: [], more: false }));
      (await tags(`last=${last}`)).expect(200);
      expect(asked[0]).toMatchObject({ after });
    });

    it.each(['', '-1', 'x', '1.5', '1e3', '0x10', '%00'])('refuses n=%p', async (n) => {
      const answer = (await tags(`n=${n}`)).expect(400);
      expect(answer.codes).toEqual(['UNSUPPORTED']);
      expect(answer.json()).toMatchObject({ errors: [{ message: 'n is not a number of entries' }] });
    });

    it('never takes more than it may for one page', async () => {
      const asked = answering(gateway.bus, LIST_TAGS, () => ({ tags: [], more: false }));
      for (const n of ['10001', '999999999', '9'.repeat(400)]) (await tags(`n=${n}`)).expect(200);
      expect(asked.map(({ limit }) => limit)).toEqual([10_000, 10_000, 10_000]);
    });
  });

  describe('the catalog', () => {
    const catalog = (query: string) => ask('GET', `/v2/_catalog?${query}`);

    it('is cut as asked, and says where it goes on', async () => {
      const asked = answering(gateway.bus, LIST_READABLE_REPOSITORIES, () => ({
        repositories: ['a/b', 'busybox'],
        more: true,
      }));
      const answer = (await catalog('n=2&last=a')).expect(200);
      expect(answer.json()).toEqual({ repositories: ['a/b', 'busybox'] });
      expect(answer.header('link')).toBe('</v2/_catalog?n=2&last=busybox>; rel="next"');
      expect(asked).toEqual([{ everything: true, after: 'a', limit: 2 }]);
    });

    it('takes no more than a page, and says of no more', async () => {
      const asked = answering(gateway.bus, LIST_READABLE_REPOSITORIES, () => ({ repositories: [], more: false }));
      const answer = (await catalog(`n=${'9'.repeat(30)}`)).expect(200);
      expect(answer.json()).toEqual({ repositories: [] });
      expect(answer.header('link')).toBeUndefined();
      (await ask('HEAD', '/v2/_catalog')).expect(200);
      expect(asked.map(({ limit }) => limit)).toEqual([1_000, 1_000]);
    });

    it.each(['', '-1', 'x', '1.5', '1e3', '0x10', '%00'])('refuses n=%p', async (n) => {
      expect((await catalog(`n=${n}`)).expect(400).codes).toEqual(['PAGINATION_NUMBER_INVALID']);
    });

    it.each([
      ['huge', 'v'.repeat(5_000), 'v'.repeat(256)],
      ['with NUL', 'v1%00x', 'v1'],
      ['given twice', 'v1&last=v2', 'v1'],
    ])('takes a last that is %s', async (_what, last, after) => {
      const asked = answering(gateway.bus, LIST_READABLE_REPOSITORIES, () => ({ repositories: [], more: false }));
      (await catalog(`last=${last}`)).expect(200);
      expect(asked[0]).toMatchObject({ after });
    });

    it('may be read, and no more', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        expect((await ask(method, '/v2/_catalog')).expect(405).header('allow')).toBe('GET, HEAD');
      }
    });
  });

  describe('when something is wrong on our side', () => {
    it('says UNAVAILABLE and when to come again where nobody answers', async () => {
      gateway.bus.remove(FIND_BLOB.subject);
      gateway.bus.remove(GET_MANIFEST.subject);
      gateway.bus.remove(START_UPLOAD.subject);
      for (const [method, path] of [
        ['GET', `/v2/a/blobs/${blobDigest}`],
        ['GET', '/v2/a/manifests/v1'],
        ['POST', '/v2/a/blobs/uploads/'],
      ] as const) {
        const answer = (await ask(method, path)).expect(503);
        expect(Number(answer.header('retry-after'))).toBeGreaterThan(0);
        expect(answer.json()).toEqual({ errors: [{ code: 'UNAVAILABLE', message: 'service unavailable' }] });
      }
    });

    it('does not let anybody cache a failure', async () => {
      gateway.transport.failure = registryError('UNAVAILABLE');
      const answer = (await ask('GET', `/v2/a/blobs/${blobDigest}`)).expect(503);
      for (const name of ['cache-control', 'etag', 'docker-content-digest', 'content-range']) {
        expect([name, answer.header(name)]).toEqual([name, undefined]);
      }
    });

    it.each([
      ['an error that is no registry’s', () => new TypeError('secret path /srv/berth')],
      ['an UNKNOWN with a message', () => registryError('UNKNOWN', { sql: 'secret' }, { message: 'secret query' })],
      [
        'a 500 by another code',
        () => new RegistryError('DENIED', { sql: 'secret' }, { status: 500, message: 'secret' }),
      ],
    ])('says nothing of %s', async (_what, make) => {
      answering(gateway.bus, GET_MANIFEST, () => {
        throw make();
      });
      const answer = (await ask('GET', '/v2/a/manifests/v1')).expect(500);
      expect(answer.json()).toEqual({ errors: [{ code: 'UNKNOWN', message: 'unknown error' }] });
      gateway.transport.failure = make();
      expect((await ask('GET', `/v2/a/blobs/${blobDigest}`)).text).not.toContain('secret');
    });
  });

  it('answers what is no endpoint with 404 in the registry’s dialect', async () => {
    for (const path of ['/v2/a', '/v2/a/referrers', '/v2/a/b/c', '/v2/a/tags/']) {
      expect((await ask('GET', path)).expect(404).codes).toEqual(['NAME_UNKNOWN']);
    }
  });

  it('answers what it refuses before it looks at the path in the registry’s dialect too', async () => {
    const refused = (await ask('PUT', '/v2/a/manifests/v1', { 'content-type': 'nonsense' }, payload)).expect(415);
    expect(refused.codes).toEqual(['UNSUPPORTED']);
    expect((await ask('GET', '/nowhere')).expect(404).codes).toEqual(['NAME_UNKNOWN']);
  });

  it('takes a manifest of any Content-Type, however long', async () => {
    const asked = answering(gateway.bus, PUT_MANIFEST, () => ({ digest, subject: null }));
    (await ask('PUT', '/v2/a/manifests/v1', { 'content-type': `${TYPE}; a=${'b'.repeat(2_000)}` }, payload)).expect(
      201,
    );
    expect(asked[0]!.contentType.length).toBeLessThanOrEqual(256);
  });
});
