import type { LoginHistory } from '@berth/metadata';
import { loginRules, loginWait, waitMs } from './login-wait.js';

const RULES = loginRules(5);
const NOTHING: LoginHistory = { pair: null, address: null, name: null, isKnown: false, isKnownToday: false };
const failed = (count: number, ageMs = 0) => ({ count, ageMs });
const wait = (history: Partial<LoginHistory>, verifying = 0) => loginWait(RULES, { ...NOTHING, ...history }, verifying);

describe(waitMs, () => {
  it('is nothing for the free tries, then a second, and twice as long after each more, up to 15 minutes', () => {
    const seconds = Array.from({ length: 18 }, (_, failures) => waitMs(RULES.pair, failures) / 1_000);
    expect(seconds).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    expect(waitMs(RULES.pair, 1_000_000)).toBe(900_000);
  });

  it('is a minute at most for what strangers can bring about, after ten times as many', () => {
    for (const rule of [RULES.address, RULES.name]) {
      expect([49, 50, 51, 56, 1_000].map((failures) => waitMs(rule, failures))).toEqual([
        0, 1_000, 2_000, 60_000, 60_000,
      ]);
    }
  });
});

describe(loginWait, () => {
  it('lets through who has not tried before', () => {
    expect(wait({})).toBeNull();
  });

  it('counts from the last failure of the name at the address', () => {
    expect(wait({ pair: failed(4) })).toBeNull();
    expect(wait({ pair: failed(7, 1_500) })).toEqual({ reason: 'pair', ms: 2_500 });
    expect(wait({ pair: failed(7, 4_000) })).toBeNull();
  });

  it('looks at no more at once than are free, and at one where none is', () => {
    expect(wait({}, 4)).toBeNull();
    expect(wait({}, 5)).toMatchObject({ reason: 'pair' });
    expect(wait({ pair: failed(3) }, 1)).toBeNull();
    expect(wait({ pair: failed(3) }, 2)).toMatchObject({ reason: 'pair' });
    expect(wait({ pair: failed(9, 16_000) }, 0)).toBeNull();
    expect(wait({ pair: failed(9, 16_000) }, 1)).toMatchObject({ reason: 'pair' });
  });

  it('slows an address that tries many names, but for names that log in from there', () => {
    const address = failed(53, 1_000);
    expect(wait({ address })).toEqual({ reason: 'address', ms: 7_000 });
    expect(wait({ address: failed(53, 8_000) })).toBeNull();
    expect(wait({ address, isKnown: true })).toBeNull();
  });

  it('slows a name that many guess at, by a turn of its own for each new address', () => {
    const name = failed(54, 0);
    expect(wait({ name })).toEqual({ reason: 'name', ms: 16_000, begins: true });
    expect(wait({ name, pair: failed(0, 6_000) })).toEqual({ reason: 'name', ms: 10_000 });
    // The others go on guessing, and the turn comes all the same.
    expect(wait({ name, pair: failed(0, 16_000) })).toBeNull();
    expect(wait({ name: failed(100_000), pair: failed(0, 60_000) })).toBeNull();
  });

  it('never slows a name for strangers where it logs in', () => {
    const stormed = { name: failed(1_000_000), address: failed(1_000_000), isKnown: true };
    expect(wait(stormed)).toBeNull();
    expect(wait({ ...stormed, pair: failed(5) })).toEqual({ reason: 'pair', ms: 1_000 });
  });
});
