import { Readable } from 'node:stream';
import { AUTHORIZE, FIND_UPLOAD, GRANT_APPEND, LIST_SIGNING_KEYS, PUT_MANIFEST, START_UPLOAD } from '@berth/contracts';
import { digestOf } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { eventually, exchange, parseChallenge } from '@berth/testing';
import { GatewayModule } from '../gateway.module.js';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';
import { aKey, aToken, nowSeconds, type TestKey } from '../testing/signing.js';

jest.setTimeout(60_000);

const payload = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(payload);
const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

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
      answering(gateway.bus, AUTHORIZE, ({ scopes }) => ({ access: scopes, refused: [] }));
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
});
