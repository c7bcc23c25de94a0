import { randomInt } from 'node:crypto';
import { isOfOneStatement } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { RegistryError } from '@berth/oci';
import { Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { garbageErrors } from '../garbage-errors.js';

/** How long something is left alone whose review failed, in seconds. */
const AFTER_FAILURE_SECONDS = 3_600;
const BATCH = 500;
/** Of a batch, before the next one is asked for: others work at the same end of the queue. */
const TAKEN_OF_BATCH = 50;
const MOST_SET_ASIDE = 1_000;

/** One queue of reviews, as the store has it. */
export interface Reviews<Due extends object> {
  kind: 'manifest' | 'link';
  due: (limit: number) => Promise<Due[]>;
  review: (due: Due) => Promise<string>;
  postpone: (due: Due, seconds: number) => Promise<void>;
}

/** What could not even be put off: remembered here for as long, and lost with the process. */
export class SetAside {
  private readonly until = new Map<string, number>();

  get size(): number {
    for (const [key, until] of this.until) if (until <= performance.now()) this.until.delete(key);
    return this.until.size;
  }

  /** False where there is no room left. */
  add(due: object): boolean {
    if (this.size >= MOST_SET_ASIDE) return false;
    this.until.set(JSON.stringify(due), performance.now() + AFTER_FAILURE_SECONDS * 1000);
    return true;
  }

  has(due: object): boolean {
    return this.until.has(JSON.stringify(due));
  }
}

/**
 * Works off a queue until nothing is due, or `stopped`. A review that fails is put off, and the next one goes on; where that
 * fails as well it is set aside, and those behind it go on. Where the database is away, it throws UNAVAILABLE.
 */
export async function workOff<Due extends object>(
  { kind, due, review, postpone }: Reviews<Due>,
  metrics: Metrics,
  logger: Logger,
  aside: SetAside,
  stopped: () => boolean,
): Promise<void> {
  const errors = garbageErrors(metrics);
  const verdicts = garbageReviews(metrics);
  for (;;) {
    const batch = (await due(BATCH + aside.size)).filter((each) => !aside.has(each));
    const taken = anyOf(batch, TAKEN_OF_BATCH);
    for (const each of taken) {
      if (stopped()) return;
      try {
        verdicts.inc({ kind, verdict: await review(each) });
      } catch (error) {
        if (isOutage(error)) throw error;
        errors.inc({ kind });
        logger.error({ msg: `the review of a ${kind} failed, it is tried again in an hour`, ...each, err: error });
        await postpone(each, AFTER_FAILURE_SECONDS).catch((trouble: unknown) => {
          if (isOutage(trouble) || !aside.add(each)) throw trouble;
          errors.inc({ kind });
          logger.error({ msg: `a ${kind} could not be put off, it is set aside`, ...each, err: trouble });
        });
      }
    }
    if (taken.length === batch.length) return;
  }
}

/** By chance, so that several workers seldom take the same ones. */
function anyOf<T>(all: T[], count: number): T[] {
  const taken = new Set<T>();
  while (taken.size < Math.min(count, all.length)) taken.add(all[randomInt(all.length)]!);
  return [...taken];
}

/** Reviews by what they found. */
export const garbageReviews = (metrics: Metrics): Counter<'kind' | 'verdict'> =>
  metrics.counter(
    'berth_garbage_reviews_total',
    'Reviews, of a `link`: `removed`, `referenced`, `not-due`; of a `manifest`: `removed`, `in-use`, `kept`, `postponed`, `not-due`',
    ['kind', 'verdict'],
  );

/** What one statement met is no reason to leave the others. */
export const isOutage = (error: unknown): boolean =>
  error instanceof RegistryError && error.code === 'UNAVAILABLE' && !isOfOneStatement(error);
