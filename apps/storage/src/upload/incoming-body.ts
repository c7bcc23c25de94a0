import type { Hash } from 'node:crypto';
import { blobTooLarge, registryError } from '@berth/oci';

/**
 * The bytes of one append as they arrive: hashed and counted on their way. A sender that goes away ends it early, so
 * that what has arrived can be kept and the upload be resumed behind it. So does `signal`, and it does not wait for a
 * sender who has fallen silent.
 */
export class IncomingBody implements AsyncIterable<Uint8Array> {
  received = 0;
  /** Every byte has arrived. */
  ended = false;
  /** Why it ended early; null while it has not. */
  interruption: unknown = null;
  private giveUp: (reason: unknown) => void = () => undefined;

  constructor(
    private readonly source: AsyncIterable<Uint8Array>,
    private readonly hash: Hash | null,
    private readonly signal: AbortSignal,
    private readonly offset = 0,
    /** Where the blob comes to be larger, it throws SIZE_INVALID instead of ending. */
    private readonly limit = Infinity,
    /** How many bytes were declared: where it ends with fewer, or more come, it throws SIZE_INVALID. */
    private readonly length?: number,
  ) {
    signal.addEventListener('abort', () => this.giveUp(signal.reason), { once: true });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const chunks = this.source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.next(chunks);
        this.refuseOtherLength(next);
        if (next === null) return;
        if (this.offset + this.received + next.length > this.limit) throw blobTooLarge(this.limit);
        this.hash?.update(next);
        this.received += next.length;
        yield next;
      }
    } finally {
      const released = chunks.return?.();
      // A generator lets go only when its silent sender speaks or breaks off: nobody waits for that.
      if (this.signal.aborted) released?.catch(() => undefined);
      else await released;
    }
  }

  private refuseOtherLength(next: Uint8Array | null): void {
    if (this.length === undefined) return;
    const received = this.received + (next?.length ?? 0);
    const isOther = received > this.length || (this.ended && received < this.length);
    if (isOther) throw registryError('SIZE_INVALID', { declared: this.length, received });
  }

  private async next(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array | null> {
    try {
      this.signal.throwIfAborted();
      const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.giveUp = reject;
        chunks.next().then(resolve, reject);
      });
      if (!result.done) return result.value;
      this.ended = true;
      return null;
    } catch (error) {
      this.interruption = error;
      return null;
    }
  }
}
