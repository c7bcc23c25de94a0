import { MAX_ACCESS_CHANGES } from '@berth/contracts';
import type { AccessChangeStore } from '@berth/metadata';
import { Logger } from '@nestjs/common';
import { AccessChanges } from './access-changes.js';

const TEN_MINUTES = 600_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** Before a store with so many changes, and as many old ones; how often it is asked to forget. */
function changes(count: number) {
  const store = {
    old: count,
    away: false,
    asked: [] as { seconds: number; limit: number }[],
    list: async (position: string | null, limit: number) => ({
      changes: Array.from({ length: Math.min(count, limit) }, (_, n) => ({ subject: `user:${n}`, transaction: '1' })),
      position: String(Number(position) + 1),
      now: 5,
    }),
    async removeOlderThan(seconds: number, limit: number) {
      if (this.away) throw new Error('away');
      this.asked.push({ seconds, limit });
      const removed = Math.min(this.old, limit);
      this.old -= removed;
      return removed;
    },
  };
  return { known: new AccessChanges(store as unknown as AccessChangeStore), store };
}

describe(AccessChanges, () => {
  it('tells what there is, from where it is asked', async () => {
    const { changes: told, ...rest } = await changes(MAX_ACCESS_CHANGES).known.list({ since: '7' });
    expect(told).toHaveLength(MAX_ACCESS_CHANGES);
    expect(rest).toEqual({ complete: true, position: '8', now: 5 });
    expect(await changes(0).known.list({})).toEqual({ changes: [], complete: true, position: '1', now: 5 });
  });

  it('says that there is more than it tells', async () => {
    const { changes: told, complete } = await changes(MAX_ACCESS_CHANGES + 1).known.list({});
    expect([told.length, complete]).toEqual([MAX_ACCESS_CHANGES, false]);
  });

  it('forgets what is two days old, all of it, and again later where the database was away', async () => {
    const said = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { known, store } = changes(2_500);
    store.away = true;
    known.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(TEN_MINUTES);
    expect([store.old, said.mock.calls.length]).toEqual([2_500, 1]);
    store.away = false;
    await jest.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(store.old).toBe(0);
    expect(store.asked).toEqual(Array.from({ length: 3 }, () => ({ seconds: 172_800, limit: 1_000 })));
    await known.onApplicationShutdown();
    await jest.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(store.asked).toHaveLength(3);
  });
});
