import { ByteBudget } from './byte-budget.js';
import { FIRST_PART_SIZE } from './part-size.js';

/** Up to here a part is a list of the chunks as they came: most objects end before, and need no part buffer at all. */
const SMALL = 256 * 1024;
/** Buffers of the first part size that are kept for the next append instead of being left to the garbage collector. */
const MOST_IDLE = 4;

/**
 * The memory of all appends of a process, in bytes: an eighth for small beginnings, the rest for part buffers. Whoever
 * holds a part buffer never waits for another, so appends wait for each other but never in a circle.
 */
export class PartBuffers {
  private readonly small: ByteBudget;
  private readonly parts: ByteBudget;
  private readonly idle: Buffer[] = [];

  constructor(bytes: number) {
    this.small = new ByteBudget(Math.floor(bytes / 8));
    this.parts = new ByteBudget(bytes - Math.floor(bytes / 8));
  }

  get contended(): boolean {
    return this.parts.contended;
  }

  trySmall(bytes: number): boolean {
    return this.small.tryTake(bytes);
  }

  releaseSmall(bytes: number): void {
    this.small.release(bytes);
  }

  async take(size: number): Promise<Buffer> {
    await this.parts.take(size);
    return this.buffer(size);
  }

  tryTake(size: number): Buffer | null {
    return this.parts.tryTake(size) ? this.buffer(size) : null;
  }

  release(buffer: Buffer): void {
    this.parts.release(buffer.length);
    if (buffer.length === FIRST_PART_SIZE && this.idle.length < MOST_IDLE) this.idle.push(buffer);
  }

  private buffer(size: number): Buffer {
    const index = this.idle.findIndex((buffer) => buffer.length === size);
    return index < 0 ? Buffer.allocUnsafeSlow(size) : this.idle.splice(index, 1)[0]!;
  }
}

/** One part while it fills: chunks by reference while it is small, then one buffer of the pool. */
export class FillingPart {
  length = 0;
  private chunks: Uint8Array[] = [];

  constructor(
    private readonly pool: PartBuffers,
    readonly capacity: number,
    private buffer: Buffer | null = null,
  ) {}

  get full(): boolean {
    return this.length === this.capacity;
  }

  /** Takes what fits of `chunk` and resolves with the number of bytes taken; may wait for a buffer. */
  async add(chunk: Uint8Array): Promise<number> {
    if (!this.buffer && this.addSmall(chunk)) return chunk.length;
    this.buffer ??= await this.gathered();
    const taken = Math.min(chunk.length, this.capacity - this.length);
    this.buffer.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), this.length);
    this.length += taken;
    return taken;
  }

  /** Valid until `reset` or `release`. */
  bytes(): Buffer {
    return this.buffer ? this.buffer.subarray(0, this.length) : Buffer.concat(this.chunks, this.length);
  }

  /** Empty again, with the same buffer. */
  reset(): this {
    this.dropChunks();
    this.length = 0;
    return this;
  }

  release(): void {
    this.reset();
    if (this.buffer) this.pool.release(this.buffer);
    this.buffer = null;
  }

  private addSmall(chunk: Uint8Array): boolean {
    if (this.length + chunk.length > Math.min(SMALL, this.capacity)) return false;
    if (!this.pool.trySmall(chunk.length)) return false;
    this.chunks.push(chunk);
    this.length += chunk.length;
    return true;
  }

  private async gathered(): Promise<Buffer> {
    const buffer = await this.pool.take(this.capacity);
    let position = 0;
    for (const chunk of this.chunks) {
      buffer.set(chunk, position);
      position += chunk.length;
    }
    this.dropChunks();
    return buffer;
  }

  private dropChunks(): void {
    if (this.chunks.length === 0) return;
    this.pool.releaseSmall(this.chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
    this.chunks = [];
  }
}
