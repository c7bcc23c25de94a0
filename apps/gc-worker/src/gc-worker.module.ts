import { Database, GarbageStore, ReconciliationStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { GarbageCollector } from './garbage-collector.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { Brake } from './reconcile/brake.js';
import { ObjectComparison } from './reconcile/object-comparison.js';
import { ReconciliationController } from './reconcile/reconciliation.controller.js';
import { ReconciliationLoop } from './reconcile/reconciliation-loop.js';
import { Scrub } from './reconcile/scrub.js';
import { SuspectCheck } from './reconcile/suspect-check.js';
import { LinkReview } from './review/link-review.js';

const GARBAGE_STORE = {
  provide: GarbageStore,
  useFactory: (database: Database, { gcGraceSeconds, readGrantSeconds }: Settings) =>
    new GarbageStore(database, { graceSeconds: gcGraceSeconds, pullWindowSeconds: readGrantSeconds }),
  inject: [Database, Settings],
};

const RECONCILIATION_STORE = {
  provide: ReconciliationStore,
  useFactory: (database: Database) => new ReconciliationStore(database),
  inject: [Database],
};

@Module({
  controllers: [ReconciliationController],
  providers: [
    GARBAGE_STORE,
    RECONCILIATION_STORE,
    Brake,
    GarbageCollector,
    LinkReview,
    ObjectComparison,
    ObjectDeletion,
    ReconciliationLoop,
    Scrub,
    SuspectCheck,
  ],
})
export class GcWorkerModule {}
