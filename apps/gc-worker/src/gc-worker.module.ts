import { Database, GarbageStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { GarbageCollector } from './garbage-collector.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { LinkReview } from './review/link-review.js';

const GARBAGE_STORE = {
  provide: GarbageStore,
  useFactory: (database: Database, { gcGraceSeconds, readGrantSeconds }: Settings) =>
    new GarbageStore(database, { graceSeconds: gcGraceSeconds, pullWindowSeconds: readGrantSeconds }),
  inject: [Database, Settings],
};

@Module({ providers: [GARBAGE_STORE, GarbageCollector, LinkReview, ObjectDeletion] })
export class GcWorkerModule {}
