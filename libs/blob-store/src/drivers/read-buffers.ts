const MIB = 2 ** 20;
const SMALL = 64 * 1024;
const DEFAULT_LIMIT = 64 * MIB;

/**
 * Buffers to read files into. Those of 1 MiB are used again, because a fresh one costs more than the read (the kernel
 * clears its pages); they are as many as the limit allows, and beyond it readers make do with 64 KiB of their own.
 */
export class ReadBuffers {
  private readonly idle: Buffer[] = [];
  private lent = 0;
  private readonly most: number;

  constructor(limitBytes = DEFAULT_LIMIT) {
    this.most = Math.floor(limitBytes / MIB);
  }

  /** For a read of `length` bytes: a buffer of at most 1 MiB, which may be shorter or longer than that. */
  take(length: number): Buffer {
    if (length <= SMALL || this.lent >= this.most) return Buffer.allocUnsafe(Math.min(length, SMALL));
    this.lent++;
    return this.idle.pop() ?? Buffer.allocUnsafeSlow(MIB);
  }

  /** Nobody may use the buffer any more. */
  give(buffer: Buffer): void {
    if (buffer.length !== MIB) return;
    this.lent--;
    this.idle.push(buffer);
  }
}
