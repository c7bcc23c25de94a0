import { LRUCache } from 'lru-cache';

const MINUTE_MS = 60_000;
/** Beyond it the key is forgotten that has been silent longest: addresses without end take no memory without end. */
const KEYS_REMEMBERED = 100_000;

/** How many requests a key has made in its minute, which begins with its first one. */
export class RequestCounts {
  private readonly counts: LRUCache<string, number>;

  constructor(clock: { now(): number } = performance) {
    this.counts = new LRUCache<string, number>({
      max: KEYS_REMEMBERED,
      ttl: MINUTE_MS,
      ttlResolution: 0,
      noUpdateTTL: true,
      perf: clock,
    });
  }

  get keys(): number {
    return this.counts.size;
  }

  of(key: string): number {
    return this.counts.get(key) ?? 0;
  }

  add(key: string, requests: number): void {
    this.counts.set(key, this.of(key) + requests);
  }

  /** Whole seconds until the key's minute is over, at least one. */
  secondsLeft(key: string): number {
    return Math.max(1, Math.ceil(this.counts.getRemainingTTL(key) / 1000));
  }
}
