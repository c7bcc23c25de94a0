import { AUTHENTICATE, AUTHORIZE } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { parseRepositoryName, registryError, type Scope } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { answering } from '@berth/platform/testing';
import { KnownChanges } from '../testing/known-changes.js';
import { BasicVerifier } from './basic-verifier.js';
import { CurrentAccess } from './current-access.js';

const ANN = { username: 'ann', password: 'secret' };
/** Where from. */
const HERE = '203.0.113.1';
const AB = parseRepositoryName('a/b');
const CD = parseRepositoryName('c/d');
const UNAUTHORIZED = { code: 'UNAUTHORIZED', status: 401 };

// Only the clock is the test's: what waits for promises and I/O goes on as ever.
const DO_NOT_FAKE = ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask', 'setInterval'] as const;
beforeEach(() => jest.useFakeTimers({ doNotFake: [...DO_NOT_FAKE] }));
afterEach(() => jest.useRealTimers());
const later = (seconds: number) => jest.setSystemTime(Date.now() + seconds * 1000);

/** A verifier before an auth that knows ann, whose password and rights are the test's. */
function basics(env: Record<string, string> = {}) {
  const bus = new InProcessBus();
  const auth = { password: 'secret', actions: { [AB]: ['pull'] } as Record<string, string[]>, enabled: true };
  const verified = answering(bus, AUTHENTICATE, async ({ username, password }) => {
    await new Promise((resolve) => setImmediate(resolve));
    if (username !== 'ann' || password !== auth.password || !auth.enabled) throw registryError('UNAUTHORIZED');
    return { userId: 'u-ann', credential: `password:${auth.password}` };
  });
  const decided = answering(bus, AUTHORIZE, ({ identity, scopes }) => {
    if (!auth.enabled || identity?.credential !== `password:${auth.password}`) throw registryError('UNAUTHORIZED');
    const access: Scope[] = scopes.map((scope) => ({ ...scope, actions: auth.actions[scope.name] ?? [] }));
    return { access, refused: [] };
  });
  const settings = loadSettings(env);
  const changes = new KnownChanges(bus, settings);
  const verifier = new BasicVerifier(bus, settings, changes, new CurrentAccess(bus, settings, changes));
  return { verifier, changes, auth, verified, decided, bus };
}

describe(BasicVerifier, () => {
  it('tells who it is and what they may do, and that more was refused', async () => {
    const caller = await basics().verifier.verify(ANN, HERE);
    expect(caller).toMatchObject({ userId: 'u-ann', everything: false, mayList: true });
    expect([await caller.may('pull', AB), await caller.may('push', AB), await caller.may('pull', CD)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([await caller.wasRefused('pull', AB), await caller.wasRefused('push', AB)]).toEqual([false, true]);
  });

  it('asks once for many requests, and once for each repository', async () => {
    const { verifier, verified, decided } = basics();
    for (let n = 0; n < 20; n++) {
      const caller = await verifier.verify(ANN, HERE);
      for (const action of ['pull', 'push', 'delete'] as const) await caller.may(action, AB);
      await caller.may('pull', CD);
    }
    expect(verified).toHaveLength(1);
    expect(decided.map(({ identity, scopes }) => [identity?.userId, scopes[0]!.name])).toEqual([
      ['u-ann', AB],
      ['u-ann', CD],
    ]);
  });

  it('asks once for requests that come at the same time', async () => {
    const { verifier, verified, decided } = basics();
    const callers = await Promise.all(Array.from({ length: 50 }, () => verifier.verify(ANN, HERE)));
    await Promise.all(callers.map((caller) => caller.may('pull', AB)));
    expect([verified.length, decided.length]).toEqual([1, 1]);
  });

  it('takes other credentials for others, wherever the name ends', async () => {
    const { verifier, verified } = basics();
    await verifier.verify(ANN, HERE);
    for (const other of [
      { username: 'ann', password: 'secre' },
      { username: 'anns', password: 'ecret' },
      { username: 'Ann', password: 'secret' },
      { username: 'ann', password: '' },
    ]) {
      await expect(verifier.verify(other, HERE)).rejects.toMatchObject(UNAUTHORIZED);
    }
    expect(verified).toHaveLength(5);
  });

  it('keeps no password', async () => {
    const { verifier } = basics();
    await verifier.verify(ANN, HERE);
    const kept = (verifier as unknown as { verified: { keys(): Iterable<string> } }).verified;
    expect([...kept.keys()]).toEqual([expect.stringMatching(/^[A-Za-z0-9_-]{43}$/)]);
    const [another] = [...kept.keys()];
    const second = basics().verifier;
    await second.verify(ANN, HERE);
    expect([...(second as unknown as { verified: { keys(): Iterable<string> } }).verified.keys()]).not.toContain(
      another,
    );
  });

  describe('forgets', () => {
    it('an old password, a disabled user and a right that was taken away after the time that is set', async () => {
      const { verifier, auth } = basics({ BERTH_BASIC_SECONDS: '30' });
      expect(await (await verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      auth.actions[AB] = [];
      later(29);
      expect(await (await verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      later(2);
      expect(await (await verifier.verify(ANN, HERE)).may('pull', AB)).toBe(false);
      auth.password = 'new';
      later(31);
      await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('what was allowed no later than who it was, however late the right was asked for', async () => {
      const { verifier, auth } = basics({ BERTH_BASIC_SECONDS: '30' });
      await verifier.verify(ANN, HERE);
      later(29);
      expect(await (await verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      auth.actions[AB] = [];
      later(2);
      expect(await (await verifier.verify(ANN, HERE)).may('pull', AB)).toBe(false);
    });

    it('a user at once whom auth calls disabled when it is asked for a right', async () => {
      const { verifier, auth, verified } = basics();
      await verifier.verify(ANN, HERE);
      auth.enabled = false;
      await expect((await verifier.verify(ANN, HERE)).may('pull', AB)).rejects.toMatchObject(UNAUTHORIZED);
      await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
      expect(verified).toHaveLength(2);
    });

    it('a refusal after five seconds, and asks nothing before', async () => {
      const { verifier, auth, verified } = basics();
      auth.password = 'another';
      for (let n = 0; n < 10; n++) await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
      expect(verified).toHaveLength(1);
      auth.password = 'secret';
      later(4);
      await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
      later(2);
      await expect(verifier.verify(ANN, HERE)).resolves.toMatchObject({ userId: 'u-ann' });
    });
  });

  describe('when something of its user has changed', () => {
    const heard = ({ changes }: ReturnType<typeof basics>) => changes.make('user:u-ann');

    it('asks without a password hash, once, and goes on', async () => {
      const gate = basics();
      await (await gate.verifier.verify(ANN, HERE)).may('pull', AB);
      heard(gate);
      for (let n = 0; n < 3; n++) expect(await (await gate.verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      expect(gate.verified).toHaveLength(1);
      expect(gate.decided.map(({ scopes }) => scopes.length)).toEqual([1, 0, 1]);
    });

    it('forgets a right, an old password and a disabled user at once', async () => {
      const gate = basics();
      expect(await (await gate.verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      gate.auth.actions[AB] = ['push'];
      expect(await (await gate.verifier.verify(ANN, HERE)).may('pull', AB)).toBe(true);
      heard(gate);
      const caller = await gate.verifier.verify(ANN, HERE);
      expect([await caller.may('pull', AB), await caller.may('push', AB)]).toEqual([false, true]);
      gate.auth.password = 'new';
      await expect(gate.verifier.verify(ANN, HERE)).resolves.toBeDefined();
      heard(gate);
      await expect(gate.verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
      await expect(gate.verifier.verify({ ...ANN, password: 'new' }, HERE)).resolves.toBeDefined();
      gate.auth.enabled = false;
      heard(gate);
      await expect(gate.verifier.verify({ ...ANN, password: 'new' }, HERE)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it.each([
      ['the repository', `repository:${AB}`, false],
      ['its organisation', 'organisation:a', false],
      ['another repository', `repository:${CD}`, true],
      ['another user', 'user:u-bob', true],
    ])('or of %s, asks for its rights again where that has to do with it', async (_what, subject, still) => {
      const gate = basics();
      await (await gate.verifier.verify(ANN, HERE)).may('pull', AB);
      gate.auth.actions[AB] = [];
      gate.changes.make(subject);
      expect(await (await gate.verifier.verify(ANN, HERE)).may('pull', AB)).toBe(still);
    });

    it('counts a change that was heard of while auth was asked', async () => {
      const gate = basics();
      const asking = gate.verifier.verify(ANN, HERE);
      heard(gate);
      await (await asking).may('pull', AB);
      gate.auth.password = 'new';
      await expect(gate.verifier.verify(ANN, HERE)).rejects.toMatchObject(UNAUTHORIZED);
    });

    it('is UNAVAILABLE while auth is away', async () => {
      const gate = basics();
      await gate.verifier.verify(ANN, HERE);
      heard(gate);
      gate.bus.remove(AUTHORIZE.subject);
      await expect(gate.verifier.verify(ANN, HERE)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    });
  });

  it('does not remember that auth was away', async () => {
    const { verifier, bus } = basics();
    const away = { code: 'UNAVAILABLE', status: 503 };
    bus.remove(AUTHENTICATE.subject);
    await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(away);
    answering(bus, AUTHENTICATE, () => ({ userId: 'u-ann', credential: 'password:secret' }));
    const caller = await verifier.verify(ANN, HERE);
    bus.remove(AUTHORIZE.subject);
    await expect(caller.may('pull', AB)).rejects.toMatchObject(away);
    answering(bus, AUTHORIZE, ({ scopes }) => ({ access: [{ ...scopes[0]!, actions: ['pull'] }], refused: [] }));
    expect(await caller.may('pull', AB)).toBe(true);
  });

  it('says where the credentials come from, and shares no answer with another address', async () => {
    const { verifier, verified } = basics();
    await Promise.all(['203.0.113.1', '203.0.113.1', '203.0.113.2'].map((address) => verifier.verify(ANN, address)));
    expect(verified.map(({ address }) => address)).toEqual(['203.0.113.1', '203.0.113.2']);
  });

  it('remembers no refusal for too many failures: the next try asks again', async () => {
    const { verifier, bus } = basics();
    bus.remove(AUTHENTICATE.subject);
    const asked = answering(bus, AUTHENTICATE, () => {
      throw registryError('TOOMANYREQUESTS', undefined, { headers: { 'retry-after': '4' } });
    });
    const slowed = { code: 'TOOMANYREQUESTS', status: 429, headers: { 'retry-after': '4' } };
    for (let n = 0; n < 2; n++) await expect(verifier.verify(ANN, HERE)).rejects.toMatchObject(slowed);
    expect(asked).toHaveLength(2);
  });
});
