import { COUNT_PULLS, type CountPullsV1, MAX_PULL_COUNTS } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { Logger } from '@nestjs/common';
import { PullCounts } from './pull-counts.js';

const [app, web] = ['team/app', 'team/web'] as RepositoryName[];

/** A registry-v2 that adds up what it is told. */
function counting(answer: (request: CountPullsV1) => Promise<void> | void = () => undefined) {
  const bus = new InProcessBus();
  const sums = new Map<string, number>();
  const asked = answering(bus, COUNT_PULLS, async (request) => {
    await answer(request);
    for (const { repository, pulls } of request.counts) sums.set(repository, (sums.get(repository) ?? 0) + pulls);
    return { repositories: request.counts.length };
  });
  return { counts: new PullCounts(bus), asked, sums };
}

describe(PullCounts, () => {
  beforeEach(() => jest.spyOn(Logger.prototype, 'warn').mockImplementation());
  afterEach(() => jest.restoreAllMocks());

  it('tells the sums by repository, once', async () => {
    const { counts, asked } = counting();
    for (const repository of [app!, web!, app!]) counts.count(repository);
    await counts.tell();
    await counts.tell();
    expect(asked).toEqual([
      {
        counts: [
          { repository: app, pulls: 2 },
          { repository: web, pulls: 1 },
        ],
      },
    ]);
  });

  it('tells in messages of bounded size', async () => {
    const { counts, asked, sums } = counting();
    for (let n = 0; n < MAX_PULL_COUNTS * 2 + 1; n++) counts.count(`team/r${n}` as RepositoryName);
    await counts.tell();
    expect(asked.map((request) => request.counts.length)).toEqual([MAX_PULL_COUNTS, MAX_PULL_COUNTS, 1]);
    expect(sums.size).toBe(MAX_PULL_COUNTS * 2 + 1);
  });

  it('keeps what could not be told, and tells it with the next', async () => {
    let away = true;
    const { counts, sums } = counting(() => {
      if (away) throw new Error('away');
    });
    counts.count(app!);
    await counts.tell();
    counts.count(app!);
    away = false;
    await counts.tell();
    expect(sums).toEqual(new Map([[app, 2]]));
  });

  it('keeps what comes while it tells, and tells one at a time', async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const { counts, asked, sums } = counting(() => held);
    counts.count(app!);
    const telling = [counts.tell(), counts.tell()];
    counts.count(app!);
    counts.count(web!);
    goOn();
    await Promise.all(telling);
    expect(asked).toHaveLength(1);
    await counts.tell();
    expect(Object.fromEntries(sums)).toEqual({ [app!]: 2, [web!]: 1 });
  });

  it('tells every few seconds, and at the end', async () => {
    jest.useFakeTimers();
    const { counts, sums, asked } = counting();
    counts.onModuleInit();
    counts.count(app!);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(sums.get(app!)).toBe(1);
    counts.count(app!);
    await counts.onApplicationShutdown();
    expect(sums.get(app!)).toBe(2);
    counts.count(app!);
    await jest.advanceTimersByTimeAsync(60_000);
    jest.useRealTimers();
    expect(asked).toHaveLength(2);
  });

  it('remembers a bounded number of repositories, and goes on with those that it has', async () => {
    let away = true;
    const { counts, sums } = counting(() => {
      if (away) throw new Error('away');
    });
    for (let n = 0; n < 100_001; n++) counts.count(`team/r${n}` as RepositoryName);
    counts.count('team/r0' as RepositoryName);
    away = false;
    await counts.tell();
    expect(sums.size).toBe(100_000);
    expect(sums.get('team/r0')).toBe(2);
  });
});
