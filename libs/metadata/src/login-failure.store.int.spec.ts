import { LoginFailureStore } from './login-failure.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const ANN = { name: 'team/ann', address: '203.0.113.1' };
const NOTHING = { pair: null, address: null, name: null, isKnown: false, isKnownToday: false };

describe(LoginFailureStore.name, () => {
  const on = onDatabase();
  let store: LoginFailureStore;
  beforeEach(() => {
    store = new LoginFailureStore(on.test.database);
  });

  const countsOf = async (login: typeof ANN) => {
    const { pair, address, name } = await store.find(login);
    return [pair, address, name].map((failures) => failures?.count ?? null);
  };
  const later = (interval: string) =>
    on.test.rows(`UPDATE auth.login_failure SET last_at = last_at - interval '${interval}',
                  forget_at = forget_at - interval '${interval}'`);

  it('counts failures for the name at the address, for the address and for the name', async () => {
    expect(await store.find(ANN)).toEqual(NOTHING);
    for (let n = 0; n < 3; n++) await store.recordFailure(ANN);
    await store.recordFailure({ ...ANN, name: 'nobody' });
    await store.recordFailure({ ...ANN, address: '2001:db8::/64' });
    expect(await countsOf(ANN)).toEqual([3, 4, 4]);
    expect(await countsOf({ name: 'nobody', address: '2001:db8::/64' })).toEqual([null, 1, 1]);
    expect(await countsOf({ name: 'somebody', address: '192.0.2.1' })).toEqual([null, null, null]);
    const { pair } = await store.find(ANN);
    expect(pair!.ageMs).toBeGreaterThanOrEqual(0);
    expect(pair!.ageMs).toBeLessThan(10_000);
  });

  it('loses none of many at once', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `user${n % 3}`);
    await Promise.all(names.map((name) => store.recordFailure({ ...ANN, name })));
    expect(await countsOf({ ...ANN, name: 'user0' })).toEqual([20, 60, 20]);
  });

  it('says how long ago the last failure was', async () => {
    await store.recordFailure(ANN);
    await later('10 minutes');
    const { pair } = await store.find(ANN);
    expect(pair!.ageMs).toBeGreaterThanOrEqual(600_000);
    expect(pair!.ageMs).toBeLessThan(610_000);
  });

  it('forgets failures after a quiet hour, and counts anew', async () => {
    for (let n = 0; n < 3; n++) await store.recordFailure(ANN);
    await later('61 minutes');
    expect(await store.find(ANN)).toEqual(NOTHING);
    await store.recordFailure(ANN);
    expect(await countsOf(ANN)).toEqual([1, 1, 1]);
  });

  it('removes what is forgotten, step by step', async () => {
    await on.test.rows(`INSERT INTO auth.login_failure (subject, failures, forget_at)
      SELECT sha256(n::text::bytea), 1, now() FROM generate_series(1, 150) n`);
    await store.recordFailure(ANN);
    expect(await on.test.value<string>('SELECT count(*) FROM auth.login_failure')).toBe('53');
    await store.tellToWait(ANN);
    expect(await on.test.value<string>('SELECT count(*) FROM auth.login_failure')).toBe('3');
  });

  it('remembers since when somebody has been waiting, not since when they asked last', async () => {
    await store.tellToWait(ANN);
    await later('20 seconds');
    await store.tellToWait(ANN);
    const { pair, address, name } = await store.find(ANN);
    expect(pair).toEqual({ count: 0, ageMs: expect.any(Number) });
    expect(pair!.ageMs).toBeGreaterThanOrEqual(20_000);
    expect([address, name]).toEqual([null, null]);
    await later('2 hours');
    await store.tellToWait(ANN);
    expect((await store.find(ANN)).pair!.ageMs).toBeLessThan(10_000);
  });

  it('forgets the failures of a name at an address alone', async () => {
    await store.recordFailure(ANN);
    await store.forgetPair(ANN);
    expect(await countsOf(ANN)).toEqual([null, 1, 1]);
  });

  it('knows where a name has logged in, for a month', async () => {
    await store.recordSuccess(ANN);
    expect(await store.find(ANN)).toEqual({ ...NOTHING, isKnown: true, isKnownToday: true });
    expect(await store.find({ ...ANN, address: '203.0.113.2' })).toEqual(NOTHING);
    expect(await store.find({ ...ANN, name: 'team/bob' })).toEqual(NOTHING);
    await on.test.rows(`UPDATE auth.known_login SET forget_at = forget_at - interval '1 day'`);
    expect(await store.find(ANN)).toMatchObject({ isKnown: true, isKnownToday: false });
    await store.recordSuccess(ANN);
    expect(await store.find(ANN)).toMatchObject({ isKnownToday: true });
    await on.test.rows(`UPDATE auth.known_login SET forget_at = now()`);
    expect(await store.find(ANN)).toEqual(NOTHING);
    await store.recordSuccess({ ...ANN, name: 'team/bob' });
    expect(await on.test.value<string>('SELECT count(*) FROM auth.known_login')).toBe('1');
  });

  it('knows the latest hundred addresses of a name', async () => {
    await store.recordSuccess(ANN);
    await on.test.rows(`UPDATE auth.known_login SET forget_at = forget_at - interval '1 day'`);
    for (let n = 0; n < 100; n++) await store.recordSuccess({ ...ANN, address: `192.0.2.${n}` });
    expect(await on.test.value<string>('SELECT count(*) FROM auth.known_login')).toBe('100');
    expect((await store.find(ANN)).isKnown).toBe(false);
    expect((await store.find({ ...ANN, address: '192.0.2.0' })).isKnown).toBe(true);
  });

  it('keeps no name and no address: people type passwords where the name belongs', async () => {
    await store.recordFailure(ANN);
    await store.recordSuccess(ANN);
    const rows = await on.test.rows(`SELECT f::text, k::text FROM auth.login_failure f, auth.known_login k`);
    expect(JSON.stringify(rows)).not.toMatch(/ann|203\.0/);
    const subjects = await on.test.rows<{ subject: Buffer }>('SELECT subject FROM auth.login_failure');
    for (const { subject } of subjects) expect(subject.toString('latin1')).not.toMatch(/ann|203\.0/);
  });
});
