import type { AuditStore } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import { Logger } from '@nestjs/common';
import { AuditRetention } from './audit-retention.js';

const HOUR_MS = 3_600_000;

describe(AuditRetention, () => {
  beforeEach(() => {
    jest.useFakeTimers();
    Logger.overrideLogger(false);
  });
  afterEach(() => jest.useRealTimers());

  /** `old`: records that are there to be removed. */
  function retention(env: Record<string, string>, old: number) {
    const asked: number[][] = [];
    const removeOlderThan = jest.fn(async (days: number, limit: number) => {
      asked.push([days, limit]);
      const removed = Math.min(old, limit);
      old -= removed;
      return removed;
    });
    const kept = new AuditRetention({ removeOlderThan } as unknown as AuditStore, loadSettings(env));
    return { kept, asked, removeOlderThan };
  }

  it('removes in batches what is older than BERTH_AUDIT_DAYS, at the start and each hour', async () => {
    const { kept, asked } = retention({ BERTH_AUDIT_DAYS: '90' }, 2_500);
    kept.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([
      [90, 1_000],
      [90, 1_000],
      [90, 1_000],
    ]);
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    expect(asked).toHaveLength(4);
    await kept.onApplicationShutdown();
    await jest.advanceTimersByTimeAsync(5 * HOUR_MS);
    expect(asked).toHaveLength(4);
  });

  it.each([
    ['365', {}],
    ['30, and no sooner', { BERTH_AUDIT_DAYS: '7' }],
  ])('takes records for old after %s days', async (days, env) => {
    const { kept, asked } = retention(env, 0);
    kept.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([[Number.parseInt(days, 10), 1_000]]);
    await kept.onApplicationShutdown();
  });

  it('keeps all for ever where that is 0', async () => {
    const { kept, asked } = retention({ BERTH_AUDIT_DAYS: '0' }, 5);
    kept.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(5 * HOUR_MS);
    expect(asked).toEqual([]);
  });

  it('tries again in an hour where the database is away', async () => {
    const { kept, asked, removeOlderThan } = retention({}, 0);
    removeOlderThan.mockRejectedValueOnce(new Error('away'));
    kept.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([]);
    await jest.advanceTimersByTimeAsync(HOUR_MS);
    expect(asked).toHaveLength(1);
    await kept.onApplicationShutdown();
  });
});
