import { type AccessChangesV1, LIST_ACCESS_CHANGES } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { parseRepositoryName, registryError } from '@berth/oci';
import { loadSettings, Metrics } from '@berth/platform';
import { answering } from '@berth/platform/testing';
import { Logger } from '@nestjs/common';
import { AccessChanges, repositorySubjects, userSubject } from './access-changes.js';

const ANN = [userSubject('ann')];
const BOB = [userSubject('bob')];
const NOW = Date.parse('2030-01-01T00:00:00Z');
const SECONDS = NOW / 1000;

/** Changes before an auth that tells what the test says, at `NOW` of its database's clock. */
function changes() {
  const bus = new InProcessBus();
  const told: Partial<AccessChangesV1>[] = [];
  const asked = answering(bus, LIST_ACCESS_CHANGES, () => {
    const answer = told.shift();
    if (!answer) throw registryError('UNAVAILABLE');
    return { changes: [], complete: true, position: '1', now: NOW, ...answer };
  });
  const metrics = new Metrics('gateway');
  const known = new AccessChanges(bus, loadSettings({}), metrics);
  const hear = async (answer: Partial<AccessChangesV1> = {}) => {
    told.push(answer);
    await known.ask();
  };
  return { known, hear, asked, metrics };
}
const of = (subject: string, transaction = '7') => ({ subject, transaction });

describe(AccessChanges, () => {
  it('believes nothing before it has heard for the first time', async () => {
    const { known, hear } = changes();
    await expect(known.ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const before = known.latest(ANN);
    expect(known.mayHaveChangedSince(SECONDS + 86_400, ANN)).toBe(true);
    await hear();
    expect(known.mayHaveChangedSince(0, ANN)).toBe(false);
    // What was asked before may have been answered before a change that it did not hear of.
    expect(known.latest(ANN)).toBeGreaterThan(before);
  });

  it('asks from where it was', async () => {
    const { hear, asked } = changes();
    await hear({ position: '41' });
    await hear({ position: '44' });
    await hear();
    expect(asked).toEqual([{}, { since: '41' }, { since: '44' }]);
  });

  it('believes no token that was issued before its user changed, with the skew of clocks', async () => {
    const { known, hear } = changes();
    await hear();
    await hear({ changes: [of(ANN[0]!)] });
    for (const issued of [SECONDS - 1_000, SECONDS, SECONDS + 30]) {
      expect(known.mayHaveChangedSince(issued, ANN)).toBe(true);
      expect(known.mayHaveChangedSince(issued, BOB)).toBe(false);
    }
    expect(known.mayHaveChangedSince(SECONDS + 31, ANN)).toBe(false);
  });

  it.each([
    ['the repository', 'repository:a/b', true],
    ['its organisation', 'organisation:a', true],
    ['another repository', 'repository:a/c', false],
    ['another organisation', 'organisation:a/b', false],
    ['a user of that name', 'user:a/b', false],
  ])('looks at a repository where %s changed', async (_what, subject, expected) => {
    const { known, hear } = changes();
    await hear();
    await hear({ changes: [of(subject)] });
    expect(known.mayHaveChangedSince(SECONDS, repositorySubjects(parseRepositoryName('a/b')))).toBe(expected);
  });

  it('counts what it is told again once, and another change of the same again', async () => {
    const { known, hear } = changes();
    await hear();
    await hear({ changes: [of(ANN[0]!, '7')] });
    const first = known.latest(ANN);
    await hear({ changes: [of(ANN[0]!, '7')], now: NOW + 60_000 });
    expect(known.latest(ANN)).toBe(first);
    expect(known.mayHaveChangedSince(SECONDS + 31, ANN)).toBe(false);
    // A transaction that began earlier, and ended later.
    await hear({ changes: [of(ANN[0]!, '5')], now: NOW + 60_000 });
    expect(known.latest(ANN)).toBeGreaterThan(first);
    expect(known.mayHaveChangedSince(SECONDS + 90, ANN)).toBe(true);
    expect(known.latest(BOB)).toBeLessThan(first);
    expect(known.heardOf).toBe(known.latest(ANN));
  });

  it('goes on with what is known while auth is away', async () => {
    const { known, hear } = changes();
    await hear();
    await hear({ changes: [of(ANN[0]!)], position: '8' });
    await expect(known.ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(known.mayHaveChangedSince(SECONDS, ANN)).toBe(true);
    expect(known.mayHaveChangedSince(SECONDS, BOB)).toBe(false);
  });

  it('takes everything for changed where there is more than it was told', async () => {
    const { known, hear } = changes();
    await hear();
    const before = known.latest(BOB);
    await hear({ changes: [of(ANN[0]!)], complete: false });
    expect(known.latest(BOB)).toBeGreaterThan(before);
    expect(known.mayHaveChangedSince(SECONDS + 30, BOB)).toBe(true);
    expect(known.mayHaveChangedSince(SECONDS + 31, BOB)).toBe(false);
  });

  it('does so too where it would have to remember too many', async () => {
    const { known, hear } = changes();
    await hear();
    for (let batch = 0; batch <= 25; batch++) {
      await hear({ changes: Array.from({ length: 2_000 }, (_, n) => of(`user:${batch}-${n}`)) });
    }
    expect(known.mayHaveChangedSince(SECONDS + 30, BOB)).toBe(true);
    expect((known as unknown as { bySubject: Map<string, unknown> }).bySubject.size).toBeLessThanOrEqual(50_000);
  });

  it('forgets a change when no token can be older', async () => {
    const { known, hear } = changes();
    await hear();
    await hear({ changes: [of(ANN[0]!)] });
    await hear({ changes: [of(BOB[0]!)], now: NOW + 86_400_000 });
    expect(known.mayHaveChangedSince(SECONDS, ANN)).toBe(true);
    await hear({ now: NOW + 86_430_001 });
    expect(known.mayHaveChangedSince(SECONDS, ANN)).toBe(false);
    expect(known.mayHaveChangedSince(SECONDS, BOB)).toBe(true);
  });
});

describe('the questions', () => {
  // The pauses between them are the test's.
  beforeEach(() => jest.useFakeTimers({ now: NOW }));
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  it('come each second, one at a time, also after auth was away', async () => {
    const said = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const { known, asked } = changes();
    await known.onModuleInit();
    for (let second = 1; second <= 5; second++) await jest.advanceTimersByTimeAsync(1_000);
    expect(asked).toHaveLength(6);
    expect(said).toHaveBeenCalledTimes(1);
    known.onModuleDestroy();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(6);
  });

  it('are measured by how long ago the last one was answered', async () => {
    const { known, hear, metrics } = changes();
    const age = async () =>
      /^berth_access_changes_age_seconds\{.*\} (.*)$/m.exec(await metrics.registry.metrics())?.[1];
    jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await known.onModuleInit();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await age()).toBe('2');
    await hear();
    await jest.advanceTimersByTimeAsync(500);
    expect(await age()).toBe('0.5');
    known.onModuleDestroy();
  });

  it('do not come in open mode', async () => {
    const bus = new InProcessBus();
    const asked = answering(bus, LIST_ACCESS_CHANGES, () => ({ changes: [], complete: true, position: '1', now: NOW }));
    const open = new AccessChanges(bus, loadSettings({ BERTH_OPEN: 'true' }), new Metrics('gateway'));
    await open.onModuleInit();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(asked).toEqual([]);
  });
});
