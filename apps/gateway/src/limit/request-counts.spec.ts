import { RequestCounts } from './request-counts.js';

class Clock {
  time = 1;
  now(): number {
    return this.time;
  }
}

describe(RequestCounts, () => {
  let clock: Clock;
  let counts: RequestCounts;
  beforeEach(() => {
    clock = new Clock();
    counts = new RequestCounts(clock);
  });

  it('counts each key by itself', () => {
    counts.add('a', 1);
    counts.add('a', 2);
    counts.add('b', 1);
    expect([counts.of('a'), counts.of('b'), counts.of('c')]).toEqual([3, 1, 0]);
  });

  it('begins anew a minute behind the first request, however many came since', () => {
    counts.add('a', 1);
    clock.time += 59_000;
    counts.add('a', 1);
    expect([counts.of('a'), counts.secondsLeft('a')]).toEqual([2, 1]);
    clock.time += 1_001;
    expect(counts.of('a')).toBe(0);
    counts.add('a', 1);
    expect([counts.of('a'), counts.secondsLeft('a')]).toEqual([1, 60]);
  });

  it('says whole seconds, and never zero', () => {
    counts.add('a', 1);
    clock.time += 100;
    expect(counts.secondsLeft('a')).toBe(60);
    clock.time += 59_899;
    expect(counts.secondsLeft('a')).toBe(1);
    expect(counts.secondsLeft('never seen')).toBe(1);
  });

  it('forgets the longest silent of a million keys: memory stays what it is', () => {
    counts.add('steady', 1);
    for (let n = 0; n < 1_000_000; n++) {
      counts.add(`address ${n}`, 1);
      if (n % 1_000 === 0) counts.add('steady', 1);
    }
    expect(counts.keys).toBe(100_000);
    expect(counts.of('steady')).toBe(1_001);
    expect(counts.of('address 0')).toBe(0);
  });
});
