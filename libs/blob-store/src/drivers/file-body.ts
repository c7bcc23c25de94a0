import { close, open, read } from 'node:fs';
import type { Writable } from 'node:stream';
import { type ByteRange, StoreUnavailable } from '../blob-store.js';
import { type ObjectBody, written } from '../object-body.js';
import { fileCall } from './file-faults.js';
import type { ReadBuffers } from './read-buffers.js';

/** Opens a file for reading. The callback calls of node:fs cost half of what its FileHandles do. */
export const openToRead = (path: string): Promise<number> =>
  new Promise((resolve, reject) => open(path, 'r', (error, file) => (error ? reject(error) : resolve(file))));

/** A range of an open file, through buffers that are used again: the next one is filled while the last one is sent. */
export class FileBody implements ObjectBody {
  private position: number;
  private readonly end: number;
  private open = true;

  constructor(
    private readonly file: number,
    private readonly key: string,
    range: ByteRange,
    private readonly buffers: ReadBuffers,
  ) {
    this.position = range.start;
    this.end = range.end + 1;
  }

  async writeTo(destination: Writable): Promise<void> {
    const lent: Buffer[] = [this.buffers.take(this.end - this.position)];
    try {
      let bytes = await this.fill(lent[0]!);
      while (bytes.length > 0) {
        const more = this.position < this.end;
        if (more && lent.length === 1) lent.push(this.buffers.take(this.end - this.position));
        const sending = written(destination, bytes);
        const filling = more ? this.fill(lent[1]!) : Promise.resolve(bytes.subarray(0, 0));
        // Both must be through with their buffers before these go back, whichever fails.
        const [sent, filled] = await Promise.allSettled([sending, filling]);
        if (sent.status === 'rejected') throw sent.reason;
        if (filled.status === 'rejected') throw filled.reason;
        bytes = filled.value;
        lent.reverse();
      }
    } finally {
      for (const buffer of lent) this.buffers.give(buffer);
      this.destroy();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const buffer = this.buffers.take(this.end - this.position);
    try {
      for (let bytes = await this.fill(buffer); bytes.length > 0; bytes = await this.fill(buffer))
        yield Buffer.from(bytes);
    } finally {
      this.buffers.give(buffer);
      this.destroy();
    }
  }

  destroy(): void {
    if (!this.open) return;
    this.open = false;
    close(this.file, () => undefined);
  }

  /** The next bytes, in `buffer`; none at the end of the range. A file that ends before it is a fault of the store. */
  private async fill(buffer: Buffer): Promise<Buffer> {
    const length = Math.min(buffer.length, this.end - this.position);
    if (length === 0) return buffer.subarray(0, 0);
    const count = await fileCall('read', this.key, () => this.readInto(buffer, length));
    if (count === 0) throw new StoreUnavailable('read', new Error(`${this.key} ends before byte ${this.end}`));
    this.position += count;
    return buffer.subarray(0, count);
  }

  private readInto(buffer: Buffer, length: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.file, buffer, 0, length, this.position, (error, count) => (error ? reject(error) : resolve(count)));
    });
  }
}
