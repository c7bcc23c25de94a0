import type { Metrics } from './metrics.js';

/** From the sender of the bytes, or to their reader. */
export type Direction = 'in' | 'out';

/**
 * The size of what is being moved: of each transfer that is under way the bytes it was announced with, or, where nothing
 * was announced, those that have come. That is what a process has taken on, and grows before its CPU does.
 */
export class BytesInFlight {
  private readonly transfers: Record<Direction, Set<() => number>> = { in: new Set(), out: new Set() };

  constructor(metrics: Metrics, name: string, help: string) {
    metrics.gauges(name, help, 'direction', async () => ({ in: this.sum('in'), out: this.sum('out') }));
  }

  /** Counts a transfer until the function that is returned is called. `size` is asked each time anew. */
  begin(direction: Direction, size: () => number): () => void {
    const transfer = () => size();
    this.transfers[direction].add(transfer);
    return () => this.transfers[direction].delete(transfer);
  }

  private sum(direction: Direction): number {
    let sum = 0;
    for (const size of this.transfers[direction]) sum += size();
    return sum;
  }
}
