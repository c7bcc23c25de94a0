import { Readable } from 'node:stream';
import {
  FIND_BLOB,
  FIND_UPLOAD,
  GET_MANIFEST,
  GRANT_APPEND,
  ISSUE_TOKEN,
  LIST_READABLE_REPOSITORIES,
  LIST_REFERRERS,
  LIST_SIGNING_KEYS,
  LIST_TAGS,
  PRESIGN_READ,
  PUT_MANIFEST,
  START_UPLOAD,
} from '@berth/contracts';
import { digestOf, RegistryError, registryError } from '@berth/oci';
import { basic, eventually, exchange, type HttpAnswer, type HttpRequest, parseChallenge } from '@berth/testing';
import { GatewayModule } from './gateway.module.js';
import { answering } from '@berth/platform/testing';
import { type GatewayUnderTest, startGateway } from './testing/gateway-under-test.js';
import { aKey, aToken, nowSeconds, type TestKey } from './testing/signing.js';

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

  describe('where redirects are allowed', () => {
    const url = 'https://blobs.example/objects/one?signature=secret';
    let redirecting: GatewayUnderTest;
    beforeAll(async () => {
      redirecting = await startGateway({
        BERTH_OPEN: 'true',
        BERTH_REDIRECT: 'true',
        BERTH_REDIRECT_MIN_BYTES: String(blob.length),
      });
      answering(redirecting.bus, PRESIGN_READ, () => ({ url, expiresIn: 60 }));
    });
    afterAll(() => redirecting.stop());
    beforeEach(() => {
      redirecting.transport.objects.set('objects/one', blob);
      answering(redirecting.bus, FIND_BLOB, () => ({
        digest: blobDigest,
        size: blob.length,
        objectKey: 'objects/one',
      }));
    });
    const get = (headers: Record<string, string> = {}, method = 'GET') =>
      exchange({ method, url: `${redirecting.address}/v2/a/b/blobs/${blobDigest}`, headers });

    it.each<Record<string, string>>([{}, { range: 'bytes=10-19' }])('a blob is at the store, %j', async (headers) => {
      const answer = (await get(headers)).expect(307);
      expect(answer.header('location')).toBe(url);
      expect(answer.header('docker-content-digest')).toBe(blobDigest);
      expect(answer.header('etag')).toBe(`"${blobDigest}"`);
      expect(answer.header('content-length')).toBe('0');
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.header('content-range')).toBeUndefined();
    });

    it('HEAD is answered here, with the length and the digest of the blob', async () => {
      const answer = (await get({}, 'HEAD')).expect(200);
      expect(answer.header('content-length')).toBe(String(blob.length));
      expect(answer.header('docker-content-digest')).toBe(blobDigest);
    });

    it('304, 416 and 404 are answered here', async () => {
      (await get({ 'if-none-match': `"${blobDigest}"` })).expect(304);
      (await get({ range: `bytes=${blob.length}-` })).expect(416);
      answering(redirecting.bus, FIND_BLOB, () => {
        throw registryError('BLOB_UNKNOWN');
      });
      (await get()).expect(404);
    });

    it('a smaller blob is served here, the whole and a part', async () => {
      const small = { digest: blobDigest, size: blob.length - 1, objectKey: 'objects/one' };
      answering(redirecting.bus, FIND_BLOB, () => small);
      (await get()).expect(200);
      expect((await get({ range: 'bytes=10-19' })).expect(206).bytes).toHaveLength(10);
    });
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

    it.each(['', '-1', 'x', '1.5', '1e3', '0x10', '9'.repeat(30), '%00'])('refuses n=%p', async (n) => {
      expect((await tags(`n=${n}`)).expect(400).codes).toEqual(['PAGINATION_NUMBER_INVALID']);
    });

    it('never takes more than it may for one page', async () => {
      const asked = answering(gateway.bus, LIST_TAGS, () => ({ tags: [], more: false }));
      (await tags('n=999999999')).expect(200);
      expect(asked[0]).toMatchObject({ limit: 10_000 });
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
      const answer = (await catalog('n=999999999')).expect(200);
      expect(answer.json()).toEqual({ repositories: [] });
      expect(answer.header('link')).toBeUndefined();
      (await ask('HEAD', '/v2/_catalog')).expect(200);
      expect(asked.map(({ limit }) => limit)).toEqual([1_000, 1_000]);
    });

    it.each(['', '-1', 'x', '1.5', '1e3', '0x10', '9'.repeat(30), '%00'])('refuses n=%p', async (n) => {
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

  describe('a request id', () => {
    it.each(['abc', 'A-b_c.1', 'x'.repeat(64)])('of the client is repeated: %p', async (id) => {
      expect((await ask('GET', '/v2/', { 'x-request-id': id })).header('x-request-id')).toBe(id);
    });

    it.each(['', 'a b', 'x'.repeat(65), '<script>', 'a"b', 'ä'])('that is nonsense is replaced: %p', async (id) => {
      const answered = (await ask('GET', '/v2/', { 'x-request-id': Buffer.from(id).toString('latin1') })).header(
        'x-request-id',
      );
      expect(answered).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    });

    it('is another one each time where the client gives none, also on an error', async () => {
      const ids = [await ask('GET', '/v2/'), await ask('GET', '/v2/'), await ask('GET', '/v2/_nothing')];
      expect(new Set(ids.map((answer) => answer.header('x-request-id'))).size).toBe(3);
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

describe(`${GatewayModule.name} with tokens`, () => {
  it.each([
    ['and believes nothing that is forwarded', {}],
    ['and nothing but the address that a trusted proxy forwards', { BERTH_TRUSTED_PROXIES: '127.0.0.1' }],
  ])('repeats the Host of the request, %s', async (_what, env) => {
    const gateway = await startGateway(env);
    const forwarded = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '6.6.6.6',
      forwarded: 'host=evil.example;proto=https',
      'x-original-url': '/v2/evil',
    };
    const answer = (await exchange({ method: 'GET', url: `${gateway.address}/v2/`, headers: forwarded })).expect(401);
    expect(parseChallenge(answer.header('www-authenticate'))).toMatchObject({ realm: `${gateway.address}/auth/token` });
    await gateway.stop();
  });

  it('says BERTH_PUBLIC_URL in the realm and in every Location', async () => {
    const gateway = await startGateway({ BERTH_PUBLIC_URL: 'https://hub.example/' });
    const key = await aKey();
    answering(gateway.bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] }));
    answering(gateway.bus, START_UPLOAD, () => ({ sessionId: SESSION }));
    answering(gateway.bus, PUT_MANIFEST, () => ({ digest, subject: null }));
    const access = [{ type: 'repository', name: 'busybox', actions: ['pull', 'push'] }];
    const headers = { authorization: `Bearer ${await aToken(key, { access })}` };
    const url = `${gateway.address}/v2/`;
    const challenge = (await exchange({ method: 'GET', url })).expect(401).header('www-authenticate');
    expect(parseChallenge(challenge)?.realm).toBe('https://hub.example/auth/token');
    const upload = await exchange({ method: 'POST', url: `${url}busybox/blobs/uploads/`, headers });
    expect(upload.expect(202).header('location')).toBe(`https://hub.example/v2/busybox/blobs/uploads/${SESSION}`);
    const put = await exchange({ method: 'PUT', url: `${url}busybox/manifests/v1`, headers, body: payload });
    expect(put.expect(201).header('location')).toBe(`https://hub.example/v2/busybox/manifests/${digest}`);
    await gateway.stop();
  });

  it('asks for a token before it says which extensions there are, and for pull before those of a repository', async () => {
    const gateway = await startGateway();
    const key = await aKey();
    answering(gateway.bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] }));
    const headers = { authorization: `Bearer ${await aToken(key, { access: [] })}` };
    const ask = (path: string, sent = {}) => exchange({ method: 'GET', url: gateway.address + path, headers: sent });
    (await ask('/v2/_oci/ext/discover')).expect(401);
    (await ask('/v2/_oci/ext/discover', headers)).expect(200);
    for (const path of ['/v2/a/b/_oci/ext/discover', `/v2/a/b/referrers/${digest}`]) {
      const refused = (await ask(path, headers)).expect(401);
      expect(refused.header('www-authenticate')).toContain('scope="repository:a/b:pull"');
    }
    await gateway.stop();
  });

  describe('that end while an upload is under way', () => {
    let gateway: GatewayUnderTest;
    let key: TestKey;
    beforeAll(async () => {
      gateway = await startGateway();
      key = await aKey();
      answering(gateway.bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] }));
    });
    afterAll(() => gateway.stop());
    const access = [{ type: 'repository', name: 'a/b', actions: ['pull', 'push'] }];
    const bearing = async (over: Record<string, unknown>) => ({
      authorization: `Bearer ${await aToken(key, { access, nbf: nowSeconds() - 90_000, ...over })}`,
    });
    const url = () => `${gateway.address}/v2/a/b/blobs/uploads/`;

    it('serve the request that runs to its end', async () => {
      // Past its end, within the skew of clocks: it is over as soon as that second has passed.
      const exp = nowSeconds() - 29;
      answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 }));
      const headers = await bearing({ exp });
      const body = async function* () {
        yield Buffer.from('first');
        await eventually(() => nowSeconds() > exp + 30, { what: 'the token is over' });
        yield Buffer.from('last');
      };
      const patch = await exchange({
        method: 'PATCH',
        url: `${url()}${SESSION}`,
        headers,
        body: () => Readable.from(body()),
      });
      expect(patch.expect(202).header('range')).toBe('0-8');
      expect(gateway.transport.appended.at(-1)!.bytes.toString()).toBe('firstlast');
      (await exchange({ method: 'POST', url: url(), headers })).expect(401);
    });

    it('go on with a session, which is named by who started it and by their end', async () => {
      const exp = nowSeconds() - 3_600;
      const asked = answering(gateway.bus, FIND_UPLOAD, () => ({ offset: 5 }));
      for (const method of ['GET', 'HEAD']) {
        (await exchange({ method, url: `${url()}${SESSION}`, headers: await bearing({ exp }) })).expect(204);
      }
      expect(asked[0]).toEqual({ repository: 'a/b', sessionId: SESSION, ownerId: 'u-1', startedBy: exp + 30 });
      for (const [method, path] of [
        ['POST', 'blobs/uploads/'],
        ['GET', 'manifests/v1'],
        ['PUT', 'manifests/v1'],
        ['HEAD', `blobs/${digest}`],
        ['GET', 'tags/list'],
      ] as const) {
        const answer = await exchange({
          method,
          url: `${gateway.address}/v2/a/b/${path}`,
          headers: await bearing({ exp }),
        });
        expect([path, answer.status]).toEqual([path, 401]);
        expect(parseChallenge(answer.header('www-authenticate'))?.error).toBe('invalid_token');
      }
    });

    it('go on for a day', async () => {
      answering(gateway.bus, FIND_UPLOAD, () => ({ offset: 5 }));
      const headers = await bearing({ exp: nowSeconds() - 86_401 });
      (await exchange({ method: 'GET', url: `${url()}${SESSION}`, headers })).expect(401);
    });
  });

  it('name both scopes where a mount is challenged', async () => {
    const gateway = await startGateway();
    const url = `${gateway.address}/v2/a/b/blobs/uploads/?mount=${digest}&from=c/d`;
    const answer = (await exchange({ method: 'POST', url })).expect(401);
    expect(parseChallenge(answer.header('www-authenticate'))?.scope).toBe(
      'repository:a/b:pull,push repository:c/d:pull',
    );
    await gateway.stop();
  });

  describe('at the token endpoint', () => {
    let gateway: GatewayUnderTest;
    beforeAll(async () => {
      gateway = await startGateway();
    });
    afterAll(() => gateway.stop());
    const access = [{ type: 'repository', name: 'a/b', actions: ['pull'] }];
    const issued = { token: 'a.b.c', access, expiresIn: 1800, issuedAt: '2030-01-01T00:00:00.000Z' };
    const token = (query: string, headers: Record<string, string> = {}) =>
      exchange({ method: 'GET', url: `${gateway.address}/auth/token?${query}`, headers });

    it('hands on who asks and for what, from repeated and spaced scopes, and skips nonsense', async () => {
      const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
      const query = 'service=berth&scope=repository:a/b:pull&scope=repository:c:push%20nonsense%20registry:catalog:*';
      const answer = (await token(query, { authorization: basic({ user: 'ann', password: 'pw' }) })).expect(200);
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.json()).toEqual({
        token: 'a.b.c',
        access_token: 'a.b.c',
        expires_in: 1800,
        issued_at: issued.issuedAt,
      });
      expect(asked).toEqual([
        {
          username: 'ann',
          password: 'pw',
          scopes: [
            { type: 'repository', name: 'a/b', actions: ['pull'] },
            { type: 'repository', name: 'c', actions: ['push'] },
            { type: 'registry', name: 'catalog', actions: ['*'] },
          ],
        },
      ]);
    });

    it('gives anonymous a token, and nobody one for broken credentials', async () => {
      const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
      (await token('service=berth')).expect(200);
      expect(asked).toEqual([{ scopes: [] }]);
      for (const authorization of ['Bearer x', 'Basic !', basic({ user: 'a\0b', password: 'x' }), 'nonsense']) {
        expect((await token('', { authorization })).expect(401).codes).toEqual(['UNAUTHORIZED']);
      }
      expect(asked).toHaveLength(1);
    });

    const form = (
      fields: Record<string, string> | string,
      path = '/auth/token',
      headers: Record<string, string> = {},
    ) =>
      exchange({
        method: 'POST',
        url: `${gateway.address}${path}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: new URLSearchParams(fields).toString(),
      });
    const GRANT = { grant_type: 'password', service: 'berth', client_id: 'test', username: 'ann', password: 'pw' };

    it.each(['/auth/token', '/auth/token/', '/swr/auth/v2/registry/auth', '/swr/auth/v2/registry/auth/'])(
      'answers GET and POST at %s',
      async (path) => {
        const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
        const url = `${gateway.address}${path}?scope=repository:a/b:pull`;
        (await exchange({ method: 'GET', url })).expect(200);
        (await form({ ...GRANT, scope: 'repository:a/b:pull' }, path)).expect(200);
        expect(asked).toEqual([{ scopes: access }, { username: 'ann', password: 'pw', scopes: access }]);
        for (const method of ['GET', 'POST'] as const) {
          const behind = await exchange({ method, url: `${gateway.address}${path.replace(/\/$/, '')}/more` });
          expect(behind.expect(404).codes).toEqual(['NAME_UNKNOWN']);
        }
        expect(asked).toHaveLength(2);
      },
    );

    it('asks for a refresh token only where that is wished for, and for a user', async () => {
      const asked = answering(gateway.bus, ISSUE_TOKEN, ({ offline }) => ({
        ...issued,
        ...(offline && { refreshToken: 'r.e.f' }),
      }));
      const authorization = basic({ user: 'ann', password: 'pw' });
      const refreshOf = async (answer: Promise<HttpAnswer>) => (await answer).expect(200).json<object>();
      expect(await refreshOf(token('offline_token=true', { authorization }))).toMatchObject({ refresh_token: 'r.e.f' });
      expect(await refreshOf(token('offline_token=false', { authorization }))).not.toHaveProperty('refresh_token');
      expect(await refreshOf(token('offline_token=true'))).not.toHaveProperty('refresh_token');
      expect(await refreshOf(form({ ...GRANT, access_type: 'offline' }))).toMatchObject({ refresh_token: 'r.e.f' });
      expect(await refreshOf(form(GRANT))).not.toHaveProperty('refresh_token');
      expect(asked.map(({ offline }) => offline ?? false)).toEqual([true, false, false, true, false]);
    });

    it('answers a form as OAuth2 clients and Docker read it', async () => {
      answering(gateway.bus, ISSUE_TOKEN, ({ refreshToken }) => ({ ...issued, refreshToken: refreshToken! }));
      const { username: _, password: __, ...rest } = GRANT;
      const answer = (await form({ ...rest, grant_type: 'refresh_token', refresh_token: 'r.e.f' })).expect(200);
      expect(answer.header('cache-control')).toBe('no-store');
      expect(answer.json()).toEqual({
        access_token: 'a.b.c',
        token: 'a.b.c',
        token_type: 'Bearer',
        scope: 'repository:a/b:pull',
        expires_in: 1800,
        issued_at: issued.issuedAt,
        refresh_token: 'r.e.f',
      });
    });

    it.each([
      ['another grant', { ...GRANT, grant_type: 'implicit' }, 400, 'UNSUPPORTED', 'unsupported_grant_type'],
      ['a missing field', { grant_type: 'password', service: 'x' }, 400, 'UNSUPPORTED', 'invalid_request'],
      ['an empty form', '', 400, 'UNSUPPORTED', 'invalid_request'],
      ['a name that is nobody’s', { ...GRANT, username: 'a\0b' }, 401, 'UNAUTHORIZED', 'invalid_grant'],
    ] as const)('refuses %s in both dialects', async (_what, fields, status, code, error) => {
      const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
      const answer = (await form(fields)).expect(status);
      expect(answer.codes).toEqual([code]);
      expect(answer.json()).toMatchObject({ error, error_description: expect.any(String) as unknown });
      expect(asked).toEqual([]);
    });

    it('says with a 401 that it takes Basic credentials', async () => {
      answering(gateway.bus, ISSUE_TOKEN, () => {
        throw registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
      });
      const authorization = basic({ user: 'ann', password: 'wrong' });
      for (const answer of [await token('', { authorization }), await form(GRANT)]) {
        expect(answer.expect(401).header('www-authenticate')).toBe('Basic realm="berth", charset="UTF-8"');
        expect(answer.codes).toEqual(['UNAUTHORIZED']);
      }
    });

    it('takes a form of 64 KiB, says 413 to a larger one before it is read, and serves the next', async () => {
      answering(gateway.bus, ISSUE_TOKEN, () => issued);
      const filled = (length: number) => ({
        ...GRANT,
        scope: 'x'.repeat(length - new URLSearchParams({ ...GRANT, scope: '' }).toString().length),
      });
      (await form(filled(65_536))).expect(200);
      const answer = (await form(filled(65_537))).expect(413);
      expect([answer.codes, answer.json()]).toEqual([
        ['UNSUPPORTED'],
        expect.objectContaining({ error: 'invalid_request' }),
      ]);
      const endless = await exchange({
        method: 'POST',
        url: `${gateway.address}/auth/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: () => Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(10_000, 'x'))),
      });
      endless.expect(413);
      (await form(GRANT)).expect(200);
    });

    it('reads no body that is not a form', async () => {
      for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencodedx']) {
        (await form(GRANT, '/auth/token', { 'content-type': type })).expect(415);
      }
      (await form(GRANT, '/auth/token', { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' })).expect(
        401,
        200,
      );
    });

    it('is 503 while auth is away', async () => {
      gateway.bus.remove(ISSUE_TOKEN.subject);
      expect((await token('')).expect(503).header('retry-after')).toBeDefined();
      expect((await form(GRANT)).expect(503).json()).toMatchObject({ error: 'server_error' });
    });
  });
});
