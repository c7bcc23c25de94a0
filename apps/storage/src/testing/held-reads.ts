import type { BlobStore, ObjectBody } from '@berth/blob-store';
import { eventually } from '@berth/testing';

/** Reads of a store that begin, and go on when the test says so. */
export class HeldReads {
  begun = 0;
  /** Reads that have gone on to their end, or were given up by their reader. */
  over = 0;
  private readonly read: BlobStore['read'];
  private release: () => void = () => undefined;
  private readonly released = new Promise<void>((resolve) => (this.release = resolve));

  constructor(private readonly store: BlobStore) {
    this.read = store.read.bind(store);
    store.read = async (key, range) => {
      const body = await this.read(key, range);
      this.begun++;
      const held: ObjectBody = {
        writeTo: async (destination) => {
          const closed = new Promise<void>((resolve) => destination.once('close', resolve));
          await Promise.race([this.released, closed]);
          await body.writeTo(destination).finally(() => this.over++);
        },
        destroy: () => body.destroy(),
        [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
      };
      return held;
    };
  }

  async one(): Promise<void> {
    await eventually(() => this.begun === 1, { what: 'the read-back has begun' });
  }

  /** All go on, and later reads are as ever. */
  goOn(): void {
    this.store.read = this.read;
    this.release();
  }
}
