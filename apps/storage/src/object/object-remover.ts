import { BlobStore, type UnfinishedObject } from '@berth/blob-store';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';

/**
 * Removes what no row refers to any more, after the answer has gone out. A removal that fails leaks an object, which the
 * log names; it loses nothing.
 */
@Injectable()
export class ObjectRemover implements OnApplicationShutdown {
  private readonly logger = new Logger(ObjectRemover.name);
  private readonly running = new Set<Promise<void>>();

  constructor(private readonly store: BlobStore) {}

  deleteLater(keys: string[]): void {
    for (const key of keys) this.track(key, this.store.delete(key));
  }

  abortLater(object: UnfinishedObject): void {
    this.track(object.key, this.store.abort(object));
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.running);
  }

  private track(key: string, removal: Promise<void>): void {
    const tracked: Promise<void> = removal
      .catch((error: unknown) =>
        this.logger.warn({ msg: 'object leaked: its removal failed', objectKey: key, err: error }),
      )
      .finally(() => this.running.delete(tracked));
    this.running.add(tracked);
  }
}
