import type { IncomingMessage } from 'node:http';
import { AUTHENTICATE, AUTHORIZE, type AuthorizedV1, LIST_SIGNING_KEYS } from '@berth/contracts';
import { InProcessBroadcast, InProcessBus } from '@berth/messaging';
import { parseRepositoryName, RegistryError, registryError } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { HttpAdapterHost } from '@nestjs/core';
import { ClientAddress } from '../http/client-address.js';
import { PublicUrl } from '../http/public-url.js';
import { RateLimits } from '../limit/rate-limits.js';
import { answering } from '@berth/platform/testing';
import { KnownChanges } from '../testing/known-changes.js';
import { aKey, aToken, nowSeconds, type TestKey } from '../testing/signing.js';
import { Authorizer } from './authorizer.js';
import { CurrentAccess } from './current-access.js';
import { BasicVerifier } from './basic-verifier.js';
import { ANYBODY } from './caller.js';
import { TokenVerifier } from './token-verifier.js';

const U1 = { userId: 'u-1', credential: 'password:u-1' };
const ANN = { userId: 'u-ann', credential: 'password:ann' };

let key: TestKey;
beforeAll(async () => {
  key = await aKey();
});

function authorizer(env: Record<string, string> = {}) {
  const bus = new InProcessBus();
  const asked = answering(bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] }));
  const settings = loadSettings(env);
  const changes = new KnownChanges(bus, settings);
  const access = new CurrentAccess(bus, settings, changes);
  const broadcast = new InProcessBroadcast();
  const addresses = new ClientAddress(settings);
  const limits = new RateLimits(settings, addresses, broadcast, new HttpAdapterHost());
  return {
    authorizer: new Authorizer(
      bus,
      new TokenVerifier(bus, settings, changes, access),
      new BasicVerifier(bus, settings, changes, access),
      new PublicUrl(settings),
      settings,
      limits,
      addresses,
    ),
    asked,
    bus,
    changes,
  };
}

const request = (headers: Record<string, string> = {}) =>
  ({
    headers: { host: 'registry.example:5000', ...headers },
    socket: { remoteAddress: '203.0.113.1' },
  }) as unknown as IncomingMessage;
const bearing = async (over: Record<string, unknown> = {}) =>
  request({ authorization: `Bearer ${await aToken(key, over)}` });
const named = (spelled: string) => ({ spelled, repository: parseRepositoryName(spelled) });

async function refusal(attempt: Promise<unknown>): Promise<RegistryError> {
  const error: unknown = await attempt.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RegistryError);
  return error as RegistryError;
}
const challengeOf = (error: RegistryError) => error.headers?.['www-authenticate'];

describe(Authorizer, () => {
  it('lets through who has the right', async () => {
    const caller = await authorizer().authorizer.authorize(await bearing(), named('a/b'), ['pull']);
    expect(caller.userId).toBe('u-1');
  });

  it('does not mind the case of the scheme', async () => {
    const sent = request({ authorization: `bearer  ${await aToken(key)}` });
    await expect(authorizer().authorizer.authorize(sent, named('a/b'), ['pull'])).resolves.toBeDefined();
  });

  describe('without a token', () => {
    it('challenges /v2/ without a scope', async () => {
      const error = await refusal(authorizer().authorizer.authenticate(request()));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect(challengeOf(error)).toBe('Bearer realm="http://registry.example:5000/auth/token",service="berth"');
    });

    it('says for a repository what to ask for, in the spelling of the request', async () => {
      const error = await refusal(authorizer().authorizer.authorize(request(), named('busybox'), ['push']));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect(challengeOf(error)).toBe(
        'Bearer realm="http://registry.example:5000/auth/token",service="berth",scope="repository:busybox:pull,push"',
      );
      expect(error.detail).toEqual([{ type: 'repository', name: 'busybox', actions: ['pull', 'push'] }]);
    });

    it('names several actions in one scope', async () => {
      const error = await refusal(authorizer().authorizer.authorize(request(), named('a/b'), ['pull', 'push']));
      expect(challengeOf(error)).toContain('scope="repository:a/b:pull,push"');
    });
  });

  it('names the realm and service of the settings', async () => {
    const env = { BERTH_PUBLIC_URL: 'https://hub.example/', BERTH_TOKEN_SERVICE: 'hub' };
    const error = await refusal(authorizer(env).authorizer.authenticate(request()));
    expect(challengeOf(error)).toBe('Bearer realm="https://hub.example/auth/token",service="hub"');
  });

  it('believes no forwarded header', async () => {
    const sent = request({ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil' });
    const error = await refusal(authorizer().authorizer.authenticate(sent));
    expect(challengeOf(error)).toContain('realm="http://registry.example:5000/auth/token"');
  });

  it.each(['registry.example', 'registry.example:5000', '127.0.0.1:5000', '[::1]:5000', 'my_registry'])(
    'names the host %s that was asked',
    async (host) => {
      const error = await refusal(authorizer().authorizer.authenticate(request({ host })));
      expect(challengeOf(error)).toBe(`Bearer realm="http://${host}/auth/token",service="berth"`);
    },
  );

  it.each(['', 'evil"', 'evil",error="x', 'a b', 'evil/path', 'user@evil', 'a:b', 'a:123456', '[::1', 'ä'])(
    'names no host that is none: %p',
    async (host) => {
      const error = await refusal(authorizer().authorizer.authenticate(request({ host })));
      expect(challengeOf(error)).toBe('Bearer realm="http://localhost/auth/token",service="berth"');
    },
  );

  it.each([
    ['no token', 'Bearer'],
    ['two tokens', 'Bearer a b'],
    ['nonsense', 'Bearer nonsense'],
    ['an empty header', ''],
  ])('answers %s with 401 and invalid_token', async (_what, authorization) => {
    for (const attempt of [
      () => authorizer().authorizer.authenticate(request({ authorization })),
      () => authorizer().authorizer.authorize(request({ authorization }), named('a/b'), ['pull']),
    ]) {
      const error = await refusal(attempt());
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect(challengeOf(error)).toContain('error="invalid_token"');
    }
  });

  it('answers an expired token with 401, so that the client gets a new one', async () => {
    const error = await refusal(
      authorizer().authorizer.authorize(await bearing({ exp: nowSeconds() - 100 }), named('a/b'), ['pull']),
    );
    expect(error.status).toBe(401);
    expect(challengeOf(error)).toMatch(/scope="repository:a\/b:pull",error="invalid_token"$/);
  });

  describe('with a token that does not have the right', () => {
    it('asks for one that has it', async () => {
      for (const name of ['a/bc', 'a/b/c', 'a']) {
        const error = await refusal(authorizer().authorizer.authorize(await bearing(), named(name), ['pull']));
        expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
        expect(challengeOf(error)).toMatch(new RegExp(`scope="repository:${name}:pull",error="insufficient_scope"$`));
      }
    });

    it.each(['push', 'delete'] as const)('takes pull not for %s', async (action) => {
      const error = await refusal(authorizer().authorizer.authorize(await bearing(), named('a/b'), [action]));
      expect(error.status).toBe(401);
    });

    it('needs every action that is asked', async () => {
      const error = await refusal(authorizer().authorizer.authorize(await bearing(), named('a/b'), ['pull', 'push']));
      expect(error.status).toBe(401);
    });

    it('is 403 where it was asked for and refused: asking again is no use', async () => {
      const sent = await bearing({ refused: [{ type: 'repository', name: 'a/b', actions: ['push'] }] });
      const error = await refusal(authorizer().authorizer.authorize(sent, named('a/b'), ['push']));
      expect(error).toMatchObject({ code: 'DENIED', status: 403 });
      expect(challengeOf(error)).toBeUndefined();
    });

    it('lets anonymous try with a password: 401', async () => {
      const error = await refusal(
        authorizer().authorizer.authorize(await bearing({ sub: '', access: [] }), named('a/b'), ['pull']),
      );
      expect(error.status).toBe(401);
    });
  });

  describe('with Basic credentials', () => {
    const basic = (text: string) => request({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    function withAnn() {
      const gate = authorizer();
      const asked = answering(gate.bus, AUTHENTICATE, ({ password }) => {
        if (password !== 'secret') throw registryError('UNAUTHORIZED');
        return ANN;
      });
      answering(gate.bus, AUTHORIZE, ({ scopes }) => ({
        access: scopes.filter(({ name }) => name === 'a/b').map((scope) => ({ ...scope, actions: ['pull'] })),
        refused: [],
      }));
      return { gate: gate.authorizer, asked, bus: gate.bus };
    }

    it('lets through who has the right, on every kind of route', async () => {
      const { gate } = withAnn();
      expect(await gate.authenticate(basic('ann:secret'))).toMatchObject({ userId: 'u-ann' });
      expect(await gate.authorizeCatalog(basic('ann:secret'))).toMatchObject({ userId: 'u-ann' });
      expect(await gate.authorize(basic('ann:secret'), named('a/b'), ['pull'])).toMatchObject({ userId: 'u-ann' });
    });

    it('is 403 where the user lacks the right: asking for a token is no use', async () => {
      const { gate } = withAnn();
      for (const [name, action] of [
        ['a/b', 'push'],
        ['a/b', 'delete'],
        ['a/bc', 'pull'],
      ] as const) {
        const error = await refusal(gate.authorize(basic('ann:secret'), named(name), [action]));
        expect(error).toMatchObject({ code: 'DENIED', status: 403 });
      }
    });

    it.each(['ann:wrong', 'nobody:secret2', 'ann', ':x', 'a\0b:x', `${'a'.repeat(300)}:x`])(
      'challenges %p for a token, as it does without any',
      async (text) => {
        const { gate } = withAnn();
        for (const [attempt, scope] of [
          [gate.authenticate(basic(text)), ''],
          [gate.authorizeCatalog(basic(text)), ',scope="registry:catalog:*"'],
          [gate.authorize(basic(text), named('a/b'), ['push']), ',scope="repository:a/b:pull,push"'],
        ] as const) {
          const error = await refusal(attempt);
          expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
          expect(challengeOf(error)).toBe(
            `Bearer realm="http://registry.example:5000/auth/token",service="berth"${scope}`,
          );
        }
      },
    );

    it('challenges a user whom auth does not know any more when it is asked for the right', async () => {
      const { gate, bus } = withAnn();
      answering(bus, AUTHORIZE, () => {
        throw registryError('UNAUTHORIZED');
      });
      const error = await refusal(gate.authorize(basic('ann:secret'), named('a/b'), ['pull']));
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect(challengeOf(error)).toContain('scope="repository:a/b:pull"');
    });

    it('is UNAVAILABLE, and no challenge, while auth is away', async () => {
      const error = await refusal(authorizer().authorizer.authorize(basic('ann:secret'), named('a/b'), ['pull']));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    });
  });

  describe('where something has changed since the token was issued', () => {
    const scope = { type: 'repository', name: 'a/b', actions: ['pull'] };
    async function attempts(subject: string, answer: () => AuthorizedV1, over: Record<string, unknown> = {}) {
      const { authorizer: gate, bus, changes } = authorizer();
      answering(bus, AUTHORIZE, answer);
      const sent = await bearing(over);
      changes.make(subject);
      return {
        pull: () => gate.authorize(sent, named('a/b'), ['pull']),
        others: [() => gate.authenticate(sent), () => gate.authorizeCatalog(sent)],
      };
    }

    it('denies a user whose right is gone, and asks for no other token', async () => {
      const { pull } = await attempts('repository:a/b', () => ({ access: [], refused: [scope] }));
      expect(await refusal(pull())).toMatchObject({ code: 'DENIED', status: 403 });
    });

    it('challenges anonymous whose right is gone', async () => {
      const { pull } = await attempts('repository:a/b', () => ({ access: [], refused: [scope] }), { sub: '' });
      expect(challengeOf(await refusal(pull()))).toContain('error="insufficient_scope"');
    });

    it('challenges a user who is disabled, on every kind of route', async () => {
      const disabled = () => {
        throw registryError('UNAUTHORIZED');
      };
      const { pull, others } = await attempts('user:u-1', disabled);
      for (const attempt of [pull, ...others]) {
        const error = await refusal(attempt());
        expect(error.status).toBe(401);
        expect(challengeOf(error)).toContain('error="invalid_token"');
      }
      const repository = await attempts('repository:a/b', disabled);
      expect(challengeOf(await refusal(repository.pull()))).toContain('error="invalid_token"');
    });

    it('lets through who has the right still', async () => {
      for (const subject of ['user:u-1', 'repository:a/b', 'organisation:a']) {
        const { pull } = await attempts(subject, () => ({ access: [scope], refused: [] }));
        expect(await pull()).toMatchObject({ userId: 'u-1' });
      }
    });
  });

  describe('for the catalog', () => {
    const CATALOG = { type: 'registry', name: 'catalog', actions: ['*'] };

    it('takes a token for it, an anonymous one too', async () => {
      const { authorizer: gate } = authorizer();
      await expect(gate.authorizeCatalog(await bearing({ access: [CATALOG] }))).resolves.toMatchObject({
        userId: 'u-1',
      });
      await expect(gate.authorizeCatalog(await bearing({ sub: '', access: [CATALOG] }))).resolves.toMatchObject({
        userId: undefined,
        everything: false,
      });
    });

    it('challenges who has none, and asks with another for one', async () => {
      const none = await refusal(authorizer().authorizer.authorizeCatalog(request()));
      expect(challengeOf(none)).toMatch(/service="berth",scope="registry:catalog:\*"$/);
      const other = await refusal(authorizer().authorizer.authorizeCatalog(await bearing()));
      expect(challengeOf(other)).toMatch(/scope="registry:catalog:\*",error="insufficient_scope"$/);
    });
  });

  it('names what should be asked for besides, and does not need it', async () => {
    const besides = [{ type: 'repository', name: 'c/d', actions: ['pull'] }];
    const { authorizer: gate } = authorizer();
    const error = await refusal(gate.authorize(request(), named('a/b'), ['push'], { besides }));
    expect(challengeOf(error)).toContain('scope="repository:a/b:pull,push repository:c/d:pull"');
    await expect(gate.authorize(await bearing(), named('a/b'), ['pull'], { besides })).resolves.toBeDefined();
  });

  it('takes a token that is over where that is allowed, and with its rights only', async () => {
    const over = () => bearing({ exp: nowSeconds() - 100, nbf: nowSeconds() - 200 });
    const { authorizer: gate, bus } = authorizer();
    const asked = answering(bus, AUTHORIZE, ({ scopes }) => ({ access: scopes, refused: [] }));
    const caller = await gate.authorize(await over(), named('a/b'), ['pull'], { overToo: true });
    expect(caller.startedBy).toBe(nowSeconds() - 70);
    expect(asked).toEqual([{ identity: U1, scopes: [{ type: 'repository', name: 'a/b', actions: ['pull'] }] }]);
    expect((await refusal(gate.authorize(await over(), named('a/b'), ['push'], { overToo: true }))).status).toBe(401);
    expect((await refusal(gate.authorize(await over(), named('a/c'), ['pull'], { overToo: true }))).status).toBe(401);
    const sent = await over();
    for (const attempt of [
      () => gate.authorize(sent, named('a/b'), ['pull']),
      () => gate.authenticate(sent),
      () => gate.authorizeCatalog(sent),
    ]) {
      expect(challengeOf(await refusal(attempt()))).toContain('error="invalid_token"');
    }
  });

  describe('with a token that is over, where that is allowed', () => {
    async function attempt(answer: () => AuthorizedV1 | 'away', over: Record<string, unknown> = {}) {
      const { authorizer: gate, bus } = authorizer();
      if (answer() !== 'away') answering(bus, AUTHORIZE, () => answer() as AuthorizedV1);
      const sent = await bearing({ exp: nowSeconds() - 100, nbf: nowSeconds() - 200, ...over });
      return refusal(gate.authorize(sent, named('a/b'), ['pull'], { overToo: true }));
    }
    const scope = { type: 'repository', name: 'a/b', actions: ['pull'] };

    it('denies a user whose right is gone', async () => {
      const error = await attempt(() => ({ access: [], refused: [scope] }));
      expect(error).toMatchObject({ code: 'DENIED', status: 403, detail: [scope] });
    });

    it('challenges a user who is disabled', async () => {
      let asked = 0;
      const error = await attempt(() => {
        if (asked++ > 0) throw registryError('UNAUTHORIZED');
        return { access: [], refused: [] };
      });
      expect(error).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
      expect(challengeOf(error)).toMatch(/scope="repository:a\/b:pull",error="invalid_token"$/);
    });

    it('challenges anonymous, who is nobody that could be asked about', async () => {
      const error = await attempt(() => ({ access: [scope], refused: [] }), { sub: '' });
      expect(challengeOf(error)).toContain('error="invalid_token"');
    });

    it('lets nobody through while auth is away', async () => {
      expect(await attempt(() => 'away')).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    });
  });

  it('takes any valid token for /v2/, an anonymous one too', async () => {
    await expect(authorizer().authorizer.authenticate(await bearing({ access: [] }))).resolves.toBeDefined();
    await expect(authorizer().authorizer.authenticate(await bearing({ sub: '' }))).resolves.toBeDefined();
  });

  it('says UNAVAILABLE, and does not challenge, where the keys cannot be had', async () => {
    const { authorizer: gate, bus } = authorizer();
    bus.remove(LIST_SIGNING_KEYS.subject);
    const error = await refusal(gate.authorize(await bearing(), named('a/b'), ['pull']));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(challengeOf(error)).toBeUndefined();
  });

  it('asks nobody anything in open mode, whatever is sent', async () => {
    const { authorizer: open, asked } = authorizer({ BERTH_OPEN: 'true' });
    for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: 'Basic YTpi' }]) {
      expect(await open.authenticate(request(headers as Record<string, string>))).toBe(ANYBODY);
      expect(await open.authorizeCatalog(request(headers as Record<string, string>))).toBe(ANYBODY);
      expect(await open.authorize(request(headers as Record<string, string>), named('a/b'), ['delete'])).toBe(ANYBODY);
    }
    expect(asked).toHaveLength(0);
  });
});
