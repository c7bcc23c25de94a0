import { isTooSlow } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { RegistryError } from '@berth/oci';
import { Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { garbageErrors } from '../garbage-errors.js';

/** How long something is left alone whose review failed, in seconds. */
const AFTER_FAILURE_SECONDS = 3_600;
const BATCH = 200;

/** One queue of reviews, as the store has it. */
export interface Reviews<Due extends object> {
  kind: 'manifest' | 'link';
  due: (limit: number) => Promise<Due[]>;
  review: (due: Due) => Promise<string>;
  postpone: (due: Due, seconds: number) => Promise<void>;
}

/**
 * Works off a queue until nothing is due, or `stopped`. A review that fails is put off, and the next one goes on; where the
 * database is away, it throws UNAVAILABLE.
 */
export async function workOff<Due extends object>(
  { kind, due, review, postpone }: Reviews<Due>,
  metrics: Metrics,
  logger: Logger,
  stopped: () => boolean,
): Promise<void> {
  const errors = garbageErrors(metrics);
  const verdicts = garbageReviews(metrics);
  for (;;) {
    const batch = await due(BATCH);
    for (const each of batch) {
      if (stopped()) return;
      try {
        verdicts.inc({ kind, verdict: await review(each) });
      } catch (error) {
        if (isOutage(error)) throw error;
        errors.inc({ kind });
        logger.error({ msg: `the review of a ${kind} failed, it is tried again in an hour`, ...each, err: error });
        await postpone(each, AFTER_FAILURE_SECONDS);
      }
    }
    if (batch.length < BATCH) return;
  }
}

/** Reviews by what they found. */
export const garbageReviews = (metrics: Metrics): Counter<'kind' | 'verdict'> =>
  metrics.counter(
    'berth_garbage_reviews_total',
    'Reviews, of a `link`: `removed`, `referenced`, `not-due`; of a `manifest`: `removed`, `in-use`, `kept`, `postponed`, `not-due`',
    ['kind', 'verdict'],
  );

/** What alone takes too long is no reason to leave the others. */
const isOutage = (error: unknown): boolean =>
  error instanceof RegistryError && error.code === 'UNAVAILABLE' && !isTooSlow(error);
