import { DELETE_OBJECTS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { GarbageStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { garbageErrors } from '../garbage-errors.js';

const BATCH = 100;

/**
 * Deletes objects whose rows went long enough ago that no read of them can be under way. A crash in between only repeats a
 * deletion: the key is never used again.
 */
@Injectable()
export class ObjectDeletion {
  private readonly logger = new Logger(ObjectDeletion.name);

  private readonly deletedObjects: Counter;
  private readonly freedBytes: Counter;

  constructor(
    private readonly garbage: GarbageStore,
    private readonly bus: MessageBus,
    private readonly metrics: Metrics,
  ) {
    this.deletedObjects = metrics.counter(
      'berth_garbage_deleted_objects_total',
      'Objects deleted from the object store; not what storage removes itself, of uploads that came to nothing',
    );
    this.freedBytes = metrics.counter(
      'berth_garbage_freed_bytes_total',
      'Bytes of objects deleted from the object store; none of one that was missing',
    );
  }

  /** Until none is due, or `stopped`: nothing is taken then that would be tried again only later. */
  async run(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const taken = await this.garbage.takeObjectDeletions(BATCH);
      if (taken.length === 0) return;
      const objectKeys = await this.withoutThoseOfBlobs(taken);
      if (objectKeys.length === 0) continue;
      const { failed } = await this.bus.request(DELETE_OBJECTS, { objectKeys });
      const kept = new Set(failed.map((failure) => failure.objectKey));
      const deleted = objectKeys.filter((objectKey) => !kept.has(objectKey));
      const { objects, bytes } = await this.garbage.finishObjectDeletions(deleted);
      this.deletedObjects.inc(objects);
      this.freedBytes.inc(bytes);
      for (const { objectKey, reason } of failed) {
        this.logger.warn({ msg: 'object not deleted, it is tried again', objectKey, reason });
        garbageErrors(this.metrics).inc({ kind: 'object' });
        await this.garbage.failObjectDeletion(objectKey, reason);
      }
    }
  }

  /** No row of Berth's orders the object of a blob to be deleted. */
  private async withoutThoseOfBlobs(objectKeys: string[]): Promise<string[]> {
    const dropped = await this.garbage.dropDeletionsOfBlobs(objectKeys);
    for (const objectKey of dropped) {
      this.logger.error({ msg: 'object not deleted: a blob has it, and somebody has changed rows by hand', objectKey });
    }
    return objectKeys.filter((objectKey) => !dropped.includes(objectKey));
  }
}
