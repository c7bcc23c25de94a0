import type { Hash } from 'node:crypto';

/**
 * The bytes of one append as they arrive: hashed and counted on their way. A sender that goes away ends it early, so
 * that what has arrived can be kept and the upload be resumed behind it.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  received = 0;
  /** Why it ended early; null while it has not. */
  interruption: unknown = null;

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly hash: Hash | null,
    private readonly signal: AbortSignal,
  ) {}

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const chunks = this.source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.next(chunks);
        if (next === null) return;
        this.hash?.update(next);
        this.received += next.length;
        yield next;
      }
    } finally {
      await chunks.return?.();
    }
  }

  private async next(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
    try {
      this.signal.throwIfAborted();
      const result = await chunks.next();
      return result.done ? null : result.value;
    } catch (error) {
      this.interruption = error;
      return null;
    }
  }
}
