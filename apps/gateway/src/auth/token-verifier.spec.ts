import { createHmac } from 'node:crypto';
import { AUTHORIZE, LIST_SIGNING_KEYS, type SigningKeysV1 } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { parseRepositoryName, registryError } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { exportSPKI, exportJWK } from 'jose';
import { answering } from '@berth/platform/testing';
import { aKey, aToken, claims, forged, nowSeconds, type TestKey } from '../testing/signing.js';
import { KnownChanges } from '../testing/known-changes.js';
import { CurrentAccess } from './current-access.js';
import { TokenVerifier } from './token-verifier.js';

const AB = parseRepositoryName('a/b');
const UNAUTHORIZED = { code: 'UNAUTHORIZED', status: 401 };
const UNAVAILABLE = { code: 'UNAVAILABLE', status: 503 };

let key: TestKey;
let other: TestKey;
beforeAll(async () => {
  key = await aKey();
  other = await aKey();
});

/** A verifier before an auth whose keys, or whose absence, the test decides. */
function verifier(keys: () => TestKey[] = () => [key]) {
  const bus = new InProcessBus();
  const asked = answering(bus, LIST_SIGNING_KEYS, () => ({ keys: keys().map(({ jwk }) => jwk) }));
  const settings = loadSettings({});
  const changes = new KnownChanges(bus, settings);
  const access = new CurrentAccess(bus, settings, changes);
  return { verifier: new TokenVerifier(bus, settings, changes, access), changes, asked, bus };
}

const away = (): never => {
  throw registryError('UNAVAILABLE');
};

// Only the clock is the test's: what waits for promises and I/O goes on as ever.
const CLOCK_ONLY = { doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'setInterval'] } as const;
const START = Date.parse('2030-01-01T00:00:00Z');
beforeEach(() => jest.useFakeTimers({ ...CLOCK_ONLY, doNotFake: [...CLOCK_ONLY.doNotFake], now: START }));
afterEach(() => jest.useRealTimers());
const later = (seconds: number) => jest.setSystemTime(Date.now() + seconds * 1000);

const ADMIN_ACTIONS = ['pull', 'push', 'delete'];

describe(TokenVerifier, () => {
  it('tells who the bearer is and what they may do', async () => {
    const refused = [{ type: 'repository', name: 'a/b', actions: ['push'] }];
    const caller = await verifier().verifier.verify(await aToken(key, { refused }));
    expect(caller.userId).toBe('u-1');
    expect(await caller.may('pull', AB)).toBe(true);
    expect(await caller.may('push', AB)).toBe(false);
    expect(await caller.wasRefused('push', AB)).toBe(true);
  });

  it('takes an empty subject for anonymous', async () => {
    const caller = await verifier().verifier.verify(await aToken(key, { sub: '' }));
    expect(caller.userId).toBeUndefined();
    expect(await caller.may('pull', AB)).toBe(true);
  });

  it('takes a token without access for one that grants nothing', async () => {
    const caller = await verifier().verifier.verify(await aToken(key, { access: undefined }));
    expect(await caller.may('pull', AB)).toBe(false);
  });

  describe('refuses', () => {
    const refuses = async (token: string) => {
      await expect(verifier(() => [key, other]).verifier.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
    };

    it('what is no token', async () => {
      for (const text of ['', 'x', 'a.b.c', '..', `${await aToken(key)}.x`]) await refuses(text);
    });

    it('a token that was changed', async () => {
      const [header, , signature] = (await aToken(key)).split('.');
      const payload = Buffer.from(JSON.stringify(claims({ sub: 'root' }))).toString('base64url');
      await refuses(`${header}.${payload}.${signature}`);
    });

    it('alg none, with and without a signature', async () => {
      for (const alg of ['none', 'None', 'NONE', '']) {
        await refuses(forged({ alg, kid: key.id, typ: 'JWT' }, claims()));
        await refuses(forged({ alg, kid: key.id, typ: 'JWT' }, claims(), () => (alg ? 'AAAA' : 'BBBB')));
      }
    });

    it('HS256 with the public key as the secret, in any of its spellings', async () => {
      const secrets = [
        await exportSPKI(key.publicKey),
        JSON.stringify(key.jwk),
        Buffer.from(key.jwk.x!, 'base64url'),
        key.jwk.x!,
      ];
      for (const secret of secrets) {
        const sign = (input: string) => createHmac('sha256', secret).update(input).digest('base64url');
        await refuses(forged({ alg: 'HS256', kid: key.id, typ: 'JWT' }, claims(), sign));
        await refuses(forged({ alg: 'HS256', typ: 'JWT' }, claims(), sign));
      }
    });

    it('a key that the token brings along, also under the id of ours', async () => {
      const stranger = await aKey();
      const jwk = await exportJWK(stranger.publicKey);
      for (const kid of [stranger.id, key.id, undefined]) {
        await refuses(await aToken(stranger, {}, { kid, jwk }));
        await refuses(await aToken(stranger, {}, { kid, jku: 'http://127.0.0.1:1/keys.json' }));
        await refuses(await aToken(stranger, {}, { kid, x5u: 'http://127.0.0.1:1/cert.pem' }));
      }
    });

    it('the signature of one of our keys under the id of another', async () => {
      await refuses(await aToken(key, {}, { kid: other.id }));
    });

    it('an id that is a path, a statement, or no text', async () => {
      for (const kid of ['../../etc/passwd', "' OR 1=1 --", '', 7, null, {}]) {
        await refuses(forged({ alg: 'EdDSA', kid, typ: 'JWT' }, claims(), () => 'AAAA'));
      }
    });

    it('another algorithm, even with a key that auth published', async () => {
      const ec = await aKey('ES256');
      const token = await aToken(ec, {}, { alg: 'ES256' });
      await expect(verifier(() => [ec]).verifier.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('another kind of token of the same issuer', async () => {
      for (const typ of ['refresh+jwt', 'at+jwt', undefined]) await refuses(await aToken(key, {}, { typ }));
    });

    it.each([
      ['another issuer', { iss: 'evil' }],
      ['no issuer', { iss: undefined }],
      ['another audience', { aud: 'another-registry' }],
      ['no audience', { aud: undefined }],
      ['no subject', { sub: undefined }],
      ['no expiry', { exp: undefined }],
      ['an expiry that is no number', { exp: 'tomorrow' }],
    ])('%s', async (_what, over) => refuses(await aToken(key, over)));

    it('a token that has expired or is not valid yet, but for the skew of clocks', async () => {
      await refuses(await aToken(key, { exp: nowSeconds() - 31 }));
      await refuses(await aToken(key, { nbf: nowSeconds() + 31 }));
      const { verifier: lenient } = verifier();
      await expect(lenient.verify(await aToken(key, { exp: nowSeconds() - 29 }))).resolves.toBeDefined();
      await expect(lenient.verify(await aToken(key, { nbf: nowSeconds() + 29 }))).resolves.toBeDefined();
    });
  });

  describe('where something has changed since the token was issued', () => {
    const U1 = { userId: 'u-1', credential: 'password:u-1' };
    const PUSH = [{ type: 'repository', name: 'a/b', actions: ['push'] }];
    const PULL = [{ type: 'repository', name: 'a/b', actions: ['pull'] }];
    /** A verifier before an auth that allows these actions everywhere, or nobody at all. */
    function gate(allowed: { actions: string[] | null }) {
      const { verifier: tokens, bus, changes } = verifier();
      const asked = answering(bus, AUTHORIZE, ({ scopes }) => {
        if (allowed.actions === null) throw registryError('UNAUTHORIZED');
        const { actions } = allowed;
        return { access: scopes.map((scope) => ({ ...scope, actions })), refused: [] };
      });
      return { tokens, bus, changes, asked };
    }

    it('asks nobody before', async () => {
      const { tokens, asked, changes } = gate({ actions: null });
      const token = await aToken(key);
      expect(await (await tokens.verify(token)).may('pull', AB)).toBe(true);
      changes.make('user:u-2');
      changes.make('repository:c/d');
      expect(await (await tokens.verify(token)).may('pull', AB)).toBe(true);
      expect(asked).toEqual([]);
    });

    it.each(['user:u-1', 'repository:a/b', 'organisation:a'])(
      'takes the rights of now when it was %s',
      async (subject) => {
        const allowed = { actions: ['push'] };
        const { tokens, changes } = gate(allowed);
        const token = await aToken(key, { access: PULL, refused: PUSH });
        await tokens.verify(token);
        changes.make(subject);
        const caller = await tokens.verify(token);
        expect([await caller.may('pull', AB), await caller.wasRefused('pull', AB)]).toEqual([false, true]);
        expect([await caller.may('push', AB), await caller.wasRefused('push', AB)]).toEqual([true, false]);
      },
    );

    it('gives no right that the token was not asked for', async () => {
      const { tokens, changes } = gate({ actions: ADMIN_ACTIONS });
      const token = await aToken(key, { access: PULL });
      changes.make('user:u-1');
      const caller = await tokens.verify(token);
      expect(await caller.may('pull', AB)).toBe(true);
      for (const action of ['push', 'delete'] as const) {
        expect([await caller.may(action, AB), await caller.wasRefused(action, AB)]).toEqual([false, false]);
      }
      expect(await caller.may('pull', parseRepositoryName('c/d'))).toBe(false);
    });

    it('asks once for all tokens of a credential, until the next change and for BERTH_BASIC_SECONDS', async () => {
      const { tokens, changes, asked } = gate({ actions: ['pull'] });
      const pull = async () => (await tokens.verify(await aToken(key, { iat: START / 1000 }))).may('pull', AB);
      changes.make('user:u-1');
      for (let n = 0; n < 5; n++) expect(await pull()).toBe(true);
      expect(asked).toEqual([
        { identity: U1, scopes: [] },
        { identity: U1, scopes: [{ type: 'repository', name: AB, actions: ['*'] }] },
      ]);
      changes.make('repository:a/b');
      await pull();
      expect(asked).toHaveLength(3);
      later(61);
      await pull();
      expect(asked).toHaveLength(5);
    });

    it('asks again where a change is heard of while it asks', async () => {
      const allowed = { actions: ['pull'] };
      const { tokens, changes } = gate(allowed);
      const caller = await tokens.verify(await aToken(key));
      changes.make('repository:a/b');
      const asking = caller.may('pull', AB);
      changes.make('repository:a/b');
      await asking;
      allowed.actions = [];
      expect(await caller.may('pull', AB)).toBe(false);
    });

    it('refuses a user who is disabled or has another credential, and remembers that until the next change', async () => {
      const allowed: { actions: string[] | null } = { actions: null };
      const { tokens, changes, asked } = gate(allowed);
      const token = await aToken(key);
      await tokens.verify(token);
      changes.make('user:u-1');
      for (let n = 0; n < 5; n++) await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
      expect(asked).toHaveLength(1);
      allowed.actions = ['pull'];
      changes.make('user:u-1');
      await expect(tokens.verify(token)).resolves.toBeDefined();
    });

    it('asks for anonymous as for nobody, who is challenged where a right is gone', async () => {
      const { tokens, changes, asked } = gate({ actions: [] });
      const token = await aToken(key, { sub: '', credential: undefined });
      await tokens.verify(token);
      changes.make('repository:a/b');
      const caller = await tokens.verify(token);
      expect([await caller.may('pull', AB), await caller.wasRefused('pull', AB)]).toEqual([false, false]);
      expect(asked).toEqual([{ scopes: [{ type: 'repository', name: AB, actions: ['*'] }] }]);
    });

    it('believes a token that was issued after', async () => {
      const { tokens, changes, asked } = gate({ actions: null });
      changes.make('user:u-1');
      later(1);
      expect(await (await tokens.verify(await aToken(key))).may('pull', AB)).toBe(true);
      expect(asked).toEqual([]);
    });

    it('takes a token that does not say when, or by what credential, for an old one that nobody has', async () => {
      const { tokens, changes, asked } = gate({ actions: ['pull'] });
      changes.make('user:u-1');
      later(60);
      await tokens.verify(await aToken(key, { iat: undefined, credential: undefined }));
      expect(asked[0]).toEqual({ identity: { userId: 'u-1', credential: '' }, scopes: [] });
    });

    it('is UNAVAILABLE while auth is away, and remembers nothing of that', async () => {
      const { tokens, bus, changes } = gate({ actions: ['pull'] });
      const token = await aToken(key);
      await tokens.verify(token);
      changes.make('user:u-1');
      bus.remove(AUTHORIZE.subject);
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAVAILABLE);
      answering(bus, AUTHORIZE, () => ({ access: [], refused: [] }));
      await expect(tokens.verify(token)).resolves.toBeDefined();
    });
  });

  describe('a token that is over', () => {
    const HOUR = 3_600;
    const over = (seconds: number) => aToken(key, { exp: nowSeconds() - seconds, nbf: nowSeconds() - 2 * 86_400 });

    it('serves, where that is asked, what had started before its end, with the skew of clocks', async () => {
      const token = await over(HOUR);
      const { verifier: tokens } = verifier();
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
      const caller = await tokens.verify(token, { overToo: true });
      expect(caller).toMatchObject({ userId: 'u-1', startedBy: nowSeconds() - HOUR + 30 });
      expect(await caller.may('pull', AB)).toBe(true);
      expect(await caller.may('push', AB)).toBe(false);
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('does so for a day, and no longer', async () => {
      await expect(verifier().verifier.verify(await over(86_399), { overToo: true })).resolves.toBeDefined();
      for (const seconds of [86_400, 86_401, 10 * 86_400]) {
        await expect(verifier().verifier.verify(await over(seconds), { overToo: true })).rejects.toMatchObject(
          UNAUTHORIZED,
        );
      }
    });

    it('is still to be one of ours, in every other way', async () => {
      const over = { exp: nowSeconds() - HOUR, nbf: nowSeconds() - 2 * HOUR };
      await expect(verifier().verifier.verify(await aToken(key, over), { overToo: true })).resolves.toBeDefined();
      const stranger = await aKey();
      for (const token of [
        await aToken(key, { ...over, iss: 'evil' }),
        await aToken(key, { ...over, aud: 'another-registry' }),
        await aToken(key, { ...over, sub: undefined }),
        await aToken(key, { ...over, nbf: over.exp + 60 }),
        await aToken(key, over, { typ: 'refresh+jwt' }),
        await aToken(stranger, over, { kid: key.id }),
        await aToken(stranger, over),
        forged({ alg: 'none', kid: key.id, typ: 'JWT' }, claims(over)),
        `${(await aToken(key, over)).slice(0, -8)}AAAAAAAA`,
      ]) {
        await expect(verifier().verifier.verify(token, { overToo: true })).rejects.toMatchObject(UNAUTHORIZED);
      }
    });

    it('says nothing of an end where it is not over', async () => {
      const { verifier: tokens } = verifier();
      const token = await aToken(key, { exp: nowSeconds() + 10 });
      expect(await tokens.verify(token, { overToo: true })).not.toHaveProperty('startedBy');
      later(41);
      expect(await tokens.verify(token, { overToo: true })).toHaveProperty('startedBy');
    });

    it('whose key is not published any more is refused', async () => {
      let keys = [key, other];
      const { verifier: tokens } = verifier(() => keys);
      const token = await over(HOUR);
      await tokens.verify(token, { overToo: true });
      keys = [other];
      later(301);
      await tokens.verify(await aToken(other));
      await expect(tokens.verify(token, { overToo: true })).rejects.toMatchObject(UNAUTHORIZED);
    });
  });

  describe('remembers', () => {
    it('a verified token until it expires, and not longer', async () => {
      const { verifier: tokens, asked } = verifier();
      const token = await aToken(key, { exp: nowSeconds() + 600 });
      const caller = await tokens.verify(token);
      later(600 + 29);
      expect(await tokens.verify(token)).toBe(caller);
      later(1);
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
      expect(asked.length).toBeGreaterThan(0);
    });

    it('no token that was refused', async () => {
      const { verifier: tokens } = verifier();
      const token = await aToken(key, { nbf: nowSeconds() + 100 });
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
      later(100);
      await expect(tokens.verify(token)).resolves.toMatchObject({ userId: 'u-1' });
    });
  });

  describe('fetches the keys', () => {
    it('once for many tokens, also when they come at the same time', async () => {
      const { verifier: tokens, asked } = verifier();
      const many = await Promise.all(Array.from({ length: 20 }, () => aToken(key)));
      await Promise.all(many.map((token) => tokens.verify(token)));
      expect(asked).toHaveLength(1);
    });

    it('again for an id that it does not know, so that a new key works at once', async () => {
      const keys = [key];
      const { verifier: tokens, asked } = verifier(() => keys);
      await tokens.verify(await aToken(key));
      keys.unshift(other);
      later(6);
      await expect(tokens.verify(await aToken(other))).resolves.toMatchObject({ userId: 'u-1' });
      expect(asked).toHaveLength(2);
    });

    it('at most once in five seconds, however many unknown ids are sent', async () => {
      const { verifier: tokens, asked } = verifier();
      const strangers = await Promise.all(Array.from({ length: 10 }, async () => aToken(await aKey())));
      const refused = async () => {
        for (const token of strangers) await expect(tokens.verify(token)).rejects.toMatchObject(UNAUTHORIZED);
      };
      await refused();
      expect(asked).toHaveLength(1);
      later(4.9);
      await refused();
      expect(asked).toHaveLength(1);
      later(0.2);
      await refused();
      expect(asked).toHaveLength(2);
    });

    it('of a rotation: while both are published tokens of both are good, and then only those of the new one', async () => {
      let keys = [other, key];
      const { verifier: tokens } = verifier(() => keys);
      const [old, fresh] = [await aToken(key, { exp: nowSeconds() + 900 }), await aToken(other)];
      for (const token of [old, fresh]) await expect(tokens.verify(token)).resolves.toMatchObject({ userId: 'u-1' });
      keys = [other];
      later(301);
      // The first token behind the five minutes has the keys fetched.
      await tokens.verify(await aToken(other));
      const another = [await aToken(key), await aToken(other)] as const;
      await expect(tokens.verify(another[0])).rejects.toMatchObject(UNAUTHORIZED);
      await expect(tokens.verify(another[1])).resolves.toMatchObject({ userId: 'u-1' });
      // What was verified is remembered until it ends.
      await expect(tokens.verify(old)).resolves.toBeDefined();
      later(900 + 30 - 301);
      await expect(tokens.verify(old)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('again with the first token behind five minutes, so that a retired key ends', async () => {
      const keys = [key, other];
      const { verifier: tokens } = verifier(() => keys);
      await tokens.verify(await aToken(other));
      keys.pop();
      later(299);
      await expect(tokens.verify(await aToken(other))).resolves.toBeDefined();
      later(2);
      await tokens.verify(await aToken(key));
      await expect(tokens.verify(await aToken(other))).rejects.toMatchObject(UNAUTHORIZED);
    });
  });

  describe('without auth', () => {
    it('is UNAVAILABLE, and recovers by itself', async () => {
      let keys: () => TestKey[] = away;
      const { verifier: tokens } = verifier(() => keys());
      const token = await aToken(key);
      await expect(tokens.verify(token)).rejects.toMatchObject(UNAVAILABLE);
      keys = () => [key];
      await expect(tokens.verify(token)).resolves.toMatchObject({ userId: 'u-1' });
    });

    it('goes on with the keys that it has', async () => {
      let keys: () => TestKey[] = () => [key];
      const { verifier: tokens } = verifier(() => keys());
      await tokens.verify(await aToken(key));
      keys = away;
      for (const seconds of [6, 300, 600]) {
        later(seconds);
        await expect(tokens.verify(await aToken(key))).resolves.toMatchObject({ userId: 'u-1' });
      }
    });

    it('goes on with them while auth keeps it waiting for others, and only a token with an unknown id waits', async () => {
      const { verifier: tokens, bus } = verifier();
      await tokens.verify(await aToken(key));
      let answer!: (keys: SigningKeysV1) => void;
      answering(bus, LIST_SIGNING_KEYS, () => new Promise<SigningKeysV1>((resolve) => (answer = resolve)));
      later(301);
      for (let n = 0; n < 3; n++) await expect(tokens.verify(await aToken(key))).resolves.toBeDefined();
      const waiting = tokens.verify(await aToken(other));
      answer({ keys: [other.jwk] });
      await expect(waiting).resolves.toMatchObject({ userId: 'u-1' });
      await expect(tokens.verify(await aToken(key))).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('does not lose its keys to a token with an unknown id', async () => {
      let keys: () => TestKey[] = () => [key];
      const { verifier: tokens } = verifier(() => keys());
      await tokens.verify(await aToken(key));
      keys = away;
      later(6);
      await expect(tokens.verify(await aToken(await aKey()))).rejects.toMatchObject(UNAVAILABLE);
      await expect(tokens.verify(await aToken(key))).resolves.toMatchObject({ userId: 'u-1' });
    });

    it('does not ask again for each token', async () => {
      let keys: () => TestKey[] = () => [key];
      const { verifier: tokens, asked } = verifier(() => keys());
      await tokens.verify(await aToken(key));
      keys = away;
      later(301);
      for (let n = 0; n < 10; n++) await tokens.verify(await aToken(key));
      expect(asked).toHaveLength(2);
    });
  });
});
