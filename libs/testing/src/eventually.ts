import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is waited for, as it shall read in the failure: "postgres accepts connections". */
  what: string;
  /** Deadline in milliseconds. */
  within?: number;
  /** Pause between two looks, in milliseconds. */
  every?: number;
}

/**
 * Looks again and again until `check` gives something truthy, and gives that back.
 * A check that throws has not come true yet; the last error is the cause of the failure at the deadline.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions): Promise<NonNullable<T>> {
  const { what, within = 10_000, every = 25 } = options;
  const deadline = Date.now() + within;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      lastError = undefined;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      lastError = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`not within ${within} ms: ${what}`, { cause: lastError });
    }
    await delay(every);
  }
}

/** Thrown by a check to say that waiting longer is pointless. */
export class GiveUp extends Error {}
