import {
  AUTHENTICATE,
  ISSUE_TOKEN,
  LIST_SIGNING_KEYS,
  LIST_TAGS,
  MAX_KEYS_COUNTED,
  REQUESTS_COUNTED,
  type RequestsCountedV1,
} from '@berth/contracts';
import { type Broadcast, InProcessBroadcast, NatsBroadcast, NatsLink } from '@berth/messaging';
import { registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { basic, eventually, exchange, findProgram, requireOrSkip, startNats, type TestNats } from '@berth/testing';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';
import { aKey, aToken, type TestKey } from '../testing/signing.js';
import { RateLimits } from './rate-limits.js';

jest.setTimeout(60_000);

const PROXY = { BERTH_TRUSTED_PROXIES: '127.0.0.1' };
const from = (address: string) => ({ 'x-forwarded-for': address });
const issued = { token: 'a.b.c', access: [], expiresIn: 1800, issuedAt: '2030-01-01T00:00:00.000Z' };

let key: TestKey;
let running: GatewayUnderTest[];
beforeAll(async () => {
  key = await aKey();
});
beforeEach(() => {
  running = [];
});
afterEach(async () => {
  for (const gateway of running) await gateway.stop();
});

async function start(env: Record<string, string>, broadcast: Broadcast = new InProcessBroadcast()) {
  const gateway = await startGateway(env, broadcast);
  running.push(gateway);
  const asked = {
    keys: answering(gateway.bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] })),
    tags: answering(gateway.bus, LIST_TAGS, () => ({ tags: [], more: false })),
    tokens: answering(gateway.bus, ISSUE_TOKEN, ({ username, password }) => {
      if (password === 'wrong') throw registryError('UNAUTHORIZED');
      return { ...issued, ...(username !== undefined && { userId: username }) };
    }),
    passwords: answering(gateway.bus, AUTHENTICATE, ({ username, password }) => {
      if (password === 'wrong') throw registryError('UNAUTHORIZED');
      return { userId: username, credential: 'password:x' };
    }),
  };
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    exchange({ method, url: `${gateway.address}${path}`, headers });
  const statuses = async (times: number, path: string, headers: Record<string, string> = {}) => {
    const seen: number[] = [];
    for (let n = 0; n < times; n++) seen.push((await get(path, headers)).status);
    return seen;
  };
  return { gateway, asked, get, statuses };
}

const bearerOf = async (user: string) => ({ authorization: `Bearer ${await aToken(key, { sub: user })}` });

describe(RateLimits, () => {
  it('is off unless it is asked for: nothing is counted, nothing told', async () => {
    const broadcast = new InProcessBroadcast();
    const published = jest.spyOn(broadcast, 'publish');
    const { statuses, gateway } = await start({ BERTH_OPEN: 'true' }, broadcast);
    expect(new Set(await statuses(50, '/v2/'))).toEqual(new Set([200]));
    await gateway.stop();
    expect(published).not.toHaveBeenCalled();
  });

  describe('of an address', () => {
    it('refuses what is beyond it with 429, Retry-After and the code, before anything is asked', async () => {
      const { get, statuses, asked } = await start({ BERTH_RATE_LIMIT_ADDRESS: '3' });
      const bearer = await bearerOf('u-1');
      expect(await statuses(3, '/v2/a/b/tags/list', bearer)).toEqual([200, 200, 200]);
      asked.keys.length = asked.tags.length = 0;
      for (const [path, method] of [
        ['/v2/a/b/tags/list', 'GET'],
        ['/v2/', 'GET'],
        ['/v2/_catalog', 'GET'],
        ['/v2/a/b/blobs/uploads/', 'POST'],
        ['/auth/token', 'GET'],
        ['/v2/a/b/manifests/v1', 'HEAD'],
        ['/nowhere', 'GET'],
        ['/v2/%zz', 'GET'],
      ] as const) {
        const answer = (await get(path, { ...bearer, 'x-request-id': 'mine' }, method)).expect(429);
        expect([path, answer.codes]).toEqual([path, method === 'HEAD' ? [] : ['TOOMANYREQUESTS']]);
        expect(answer.header('retry-after')).toMatch(/^([1-9]|[1-5]\d|60)$/);
        expect(answer.header('x-request-id')).toBe('mine');
      }
      expect([asked.keys, asked.tags, asked.tokens]).toEqual([[], [], []]);
    });

    it('does not look at a token, nor at a body, that is beyond it', async () => {
      const { get, statuses, gateway } = await start({ BERTH_RATE_LIMIT_ADDRESS: '1' });
      expect(await statuses(2, '/v2/', { authorization: 'Bearer nonsense' })).toEqual([401, 429]);
      const url = `${gateway.address}/v2/a/blobs/uploads/`;
      (await exchange({ method: 'POST', url, body: Buffer.alloc(1_000_000) })).expect(429);
      (await get('/v2/')).expect(429);
    });

    it('counts what cannot be decoded', async () => {
      const { statuses } = await start({ BERTH_RATE_LIMIT_ADDRESS: '2' });
      expect(await statuses(3, '/v2/%zz')).toEqual([400, 400, 429]);
    });

    it('counts logins, and never the probes of whoever watches', async () => {
      const { statuses } = await start({ BERTH_RATE_LIMIT_ADDRESS: '2' });
      expect(await statuses(3, '/auth/token')).toEqual([200, 200, 429]);
      expect(new Set(await statuses(10, '/livez'))).toEqual(new Set([200]));
      expect(new Set(await statuses(10, '/readyz'))).toEqual(new Set([200]));
    });

    it('is of each client behind a trusted proxy, and of nobody who only says so', async () => {
      const trusting = await start({ BERTH_OPEN: 'true', BERTH_RATE_LIMIT_ADDRESS: '2', ...PROXY });
      expect(await trusting.statuses(3, '/v2/', from('203.0.113.1'))).toEqual([200, 200, 429]);
      expect(await trusting.statuses(3, '/v2/', from('203.0.113.2'))).toEqual([200, 200, 429]);
      expect(await trusting.statuses(1, '/v2/', from('203.0.113.3, 203.0.113.2'))).toEqual([429]);
      const wary = await start({ BERTH_OPEN: 'true', BERTH_RATE_LIMIT_ADDRESS: '2' });
      const seen = [];
      for (let n = 0; n < 4; n++) seen.push(...(await wary.statuses(1, '/v2/', from(`203.0.113.${n}`))));
      expect(seen).toEqual([200, 200, 429, 429]);
    });

    it('is of a whole network in IPv6', async () => {
      const { statuses } = await start({ BERTH_OPEN: 'true', BERTH_RATE_LIMIT_ADDRESS: '2', ...PROXY });
      const seen = [];
      for (let n = 1; n < 4; n++) seen.push(...(await statuses(1, '/v2/', from(`2001:db8::${n}`))));
      expect(seen).toEqual([200, 200, 429]);
      expect(await statuses(1, '/v2/', from('2001:db8:0:1::1'))).toEqual([200]);
    });
  });

  describe('of a user', () => {
    it('is of the user wherever the requests come from, and another user has another', async () => {
      const { statuses, asked } = await start({ BERTH_RATE_LIMIT_USER: '2', ...PROXY });
      const [ann, bob] = [await bearerOf('ann'), await bearerOf('bob')];
      const path = '/v2/a/b/tags/list';
      expect(await statuses(2, path, { ...ann, ...from('203.0.113.1') })).toEqual([200, 200]);
      expect(await statuses(1, path, { ...ann, ...from('203.0.113.2') })).toEqual([429]);
      // Another token of hers is no other user.
      expect(await statuses(1, path, await bearerOf('ann'))).toEqual([429]);
      expect(await statuses(3, path, { ...bob, ...from('203.0.113.1') })).toEqual([200, 200, 429]);
      expect(asked.tags).toHaveLength(4);
    });

    it('counts what is denied as well', async () => {
      const { statuses } = await start({ BERTH_RATE_LIMIT_USER: '2' });
      expect(await statuses(3, '/v2/c/d/tags/list', await bearerOf('ann'))).toEqual([401, 401, 429]);
    });

    it('is of the address where nobody is logged in, and a forged token counts for nobody else', async () => {
      const { statuses } = await start({ BERTH_RATE_LIMIT_USER: '2', ...PROXY });
      expect(await statuses(3, '/v2/', from('203.0.113.1'))).toEqual([401, 401, 429]);
      expect(await statuses(1, '/v2/', from('203.0.113.2'))).toEqual([401]);
      const forged = { authorization: `Bearer ${await aToken(await aKey(), { sub: 'ann' })}` };
      expect(await statuses(3, '/v2/', forged)).toEqual([401, 401, 429]);
      expect(await statuses(2, '/v2/a/b/tags/list', await bearerOf('ann'))).toEqual([200, 200]);
    });

    describe('who gives a password', () => {
      const of = (user: string, password = 'right') => ({ authorization: basic({ user, password }) });

      it.each(['/v2/', '/v2/a/b/tags/list', '/auth/token'])(
        'counts a wrong one at %s for the address, and asks auth nothing beyond the limit',
        async (path) => {
          const { statuses, asked } = await start({ BERTH_RATE_LIMIT_USER: '2', ...PROXY });
          const seen = [];
          for (let n = 0; n < 5; n++) {
            seen.push(...(await statuses(1, path, { ...of(`guess ${n}`, 'wrong'), ...from('203.0.113.1') })));
          }
          expect(seen).toEqual([401, 401, 429, 429, 429]);
          expect(asked.passwords.length + asked.tokens.length).toBe(2);
          expect(await statuses(1, path, { ...of('ann', 'wrong'), ...from('203.0.113.2') })).toEqual([401]);
        },
      );

      it('counts a wrong one in a form as well', async () => {
        const { gateway, asked } = await start({ BERTH_RATE_LIMIT_USER: '2' });
        const form = { grant_type: 'password', service: 'berth', client_id: 'c', username: 'ann', password: 'wrong' };
        const body = new URLSearchParams(form).toString();
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        const seen = [];
        for (let n = 0; n < 4; n++) {
          seen.push((await exchange({ method: 'POST', url: `${gateway.address}/auth/token`, headers, body })).status);
        }
        expect(seen).toEqual([401, 401, 429, 429]);
        expect(asked.tokens).toHaveLength(2);
      });

      it('is let in with one that is remembered where the address has used up its own', async () => {
        const { statuses, asked } = await start({ BERTH_RATE_LIMIT_USER: '3' });
        expect(await statuses(1, '/v2/', of('ann'))).toEqual([200]);
        expect(await statuses(4, '/v2/', of('bob', 'wrong'))).toEqual([401, 401, 401, 429]);
        expect(await statuses(3, '/v2/', of('ann'))).toEqual([200, 200, 429]);
        expect(asked.passwords).toHaveLength(2);
      });

      it('has each login counted with the requests of the user, and without a password with those of the address', async () => {
        const { statuses } = await start({ BERTH_RATE_LIMIT_USER: '3' });
        expect(await statuses(2, '/auth/token', of('ann'))).toEqual([200, 200]);
        expect(await statuses(2, '/v2/', of('ann'))).toEqual([200, 429]);
        expect(await statuses(4, '/auth/token')).toEqual([200, 200, 200, 429]);
      });
    });

    it('is of everybody’s address in open mode', async () => {
      const { statuses } = await start({ BERTH_OPEN: 'true', BERTH_RATE_LIMIT_USER: '2' });
      expect(await statuses(3, '/v2/a/tags/list')).toEqual([200, 200, 429]);
    });
  });

  it('tells the others of many clients in messages that are bounded, each client once', async () => {
    const broadcast = new InProcessBroadcast();
    const told: RequestsCountedV1[] = [];
    broadcast.subscribe(REQUESTS_COUNTED, (message) => told.push(message));
    const { gateway } = await start({ BERTH_RATE_LIMIT_USER: '100' }, broadcast);
    const limits = gateway.app.get(RateLimits);
    const request = { socket: {} } as never;
    const users = 2 * MAX_KEYS_COUNTED + 5;
    for (let n = 0; n < users; n++) limits.countCaller(request, `user ${n}`);
    const count = () => told.reduce((sum, { keys }) => sum + keys.length, 0);
    await eventually(() => count() >= users, { what: 'all is told' });
    expect(told.map(({ keys }) => keys.length)).toEqual([MAX_KEYS_COUNTED, MAX_KEYS_COUNTED, 5]);
    expect(new Set(told.flatMap(({ keys }) => keys)).size).toBe(users);
  });

  requireOrSkip('nats-server', findProgram('nats-server').reason)('of two gateways', () => {
    let nats: TestNats;
    let links: NatsLink[];
    beforeEach(async () => {
      nats = await startNats({ jetstream: false });
      const settings = { servers: [nats.url], name: 'test' };
      links = await Promise.all([1, 2, 3].map(() => NatsLink.open(settings)));
    });
    afterEach(async () => {
      for (const link of links) await link.close();
      await nats.stop();
    });
    const LIMIT = 40;
    const startTwo = async () => {
      const env = { BERTH_OPEN: 'true', BERTH_RATE_LIMIT_ADDRESS: String(LIMIT) };
      const [one, two] = [
        await start(env, new NatsBroadcast(links[0]!)),
        await start(env, new NatsBroadcast(links[1]!)),
      ];
      for (const link of links) await link.connection.flush();
      return { one, two };
    };
    /** What the gateways have told, as a third party hears it. */
    const listen = async () => {
      const told = { requests: 0 };
      new NatsBroadcast(links[2]!).subscribe(REQUESTS_COUNTED, ({ requests }) => {
        for (const n of requests) told.requests += n;
      });
      await links[2]!.connection.flush();
      return told;
    };

    it('is the sum of both', async () => {
      const { one, two } = await startTwo();
      const told = await listen();
      expect(new Set(await one.statuses(LIMIT / 2, '/v2/'))).toEqual(new Set([200]));
      expect(new Set(await two.statuses(LIMIT / 4, '/v2/'))).toEqual(new Set([200]));
      await eventually(() => told.requests === (LIMIT * 3) / 4, { what: 'both have told' });
      await links[0]!.connection.flush();
      await links[1]!.connection.flush();
      // Ten are left. One uses them up, and both know.
      expect(await one.statuses(LIMIT / 4, '/v2/')).toEqual(Array(LIMIT / 4).fill(200));
      expect(await one.statuses(1, '/v2/')).toEqual([429]);
      await eventually(() => told.requests === LIMIT, { what: 'it has told' });
      await links[1]!.connection.flush();
      const refused = (await two.get('/v2/')).expect(429);
      expect(Number(refused.header('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(told.requests).toBe(LIMIT);
    });

    it('goes on by itself in each while NATS is away, and never with a 5xx', async () => {
      const { one, two } = await startTwo();
      await nats.kill();
      await eventually(() => links.every((link) => !link.isUp), { what: 'all know that it is away' });
      for (const { statuses } of [one, two]) {
        const seen = await statuses(LIMIT + 5, '/v2/');
        expect(seen).toEqual([...Array<number>(LIMIT).fill(200), ...Array<number>(5).fill(429)]);
      }
    });
  });
});
