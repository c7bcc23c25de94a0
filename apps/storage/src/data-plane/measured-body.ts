import type { Writable } from 'node:stream';
import type { ObjectBody } from '@berth/blob-store';

/** A body that tells when it has been read, broken or let go of: once. */
export class MeasuredBody implements ObjectBody {
  constructor(
    private readonly body: ObjectBody,
    private readonly ended: () => void,
  ) {}

  async writeTo(destination: Writable): Promise<void> {
    try {
      await this.body.writeTo(destination);
    } finally {
      this.ended();
    }
  }

  destroy(): void {
    this.body.destroy();
    this.ended();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* this.body;
    } finally {
      this.ended();
    }
  }
}
