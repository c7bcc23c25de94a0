import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * The bytes of a read, open and ready to flow: what can go wrong before the first byte has gone wrong already. Consumed
 * once, by `writeTo` or by iteration, or destroyed; each of them lets go of the object.
 */
export interface ObjectBody extends AsyncIterable<Uint8Array> {
  /**
   * Writes every byte into `destination` as fast as that takes them, and resolves when the last one is handed over; does
   * not end it. Rejects where either side breaks.
   */
  writeTo(destination: Writable): Promise<void>;

  destroy(): void;
}

/** A body that arrives as a stream. */
export class StreamBody implements ObjectBody {
  constructor(private readonly stream: Readable) {}

  writeTo(destination: Writable): Promise<void> {
    return pipeline(this.stream, destination, { end: false });
  }

  destroy(): void {
    // Nobody listens any more to what that may do to the stream.
    this.stream.once('error', () => undefined).destroy();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }
}

/** A body that is in memory. */
export class BytesBody implements ObjectBody {
  constructor(private readonly bytes: Uint8Array) {}

  writeTo(destination: Writable): Promise<void> {
    return this.bytes.length === 0 ? Promise.resolve() : written(destination, this.bytes);
  }

  destroy(): void {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    if (this.bytes.length > 0) yield this.bytes;
  }
}

/** Resolves when `destination` no longer needs `bytes`, rejects when it never will have them. */
export function written(destination: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new Error('the destination closed before it had every byte'));
    if (destination.destroyed) return closed();
    destination.once('close', closed);
    destination.write(bytes, (error) => {
      destination.off('close', closed);
      if (error) reject(error);
      else resolve();
    });
  });
}
