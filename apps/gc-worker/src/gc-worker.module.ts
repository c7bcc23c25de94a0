import {
  Database,
  GarbageExplanationStore,
  GarbageStore,
  ReconciliationStore,
  UntaggedPolicyStore,
} from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { ExplanationController } from './explanation/explanation.controller.js';
import { Explanations } from './explanation/explanations.js';
import { GarbageCollector } from './garbage-collector.js';
import { GarbageMetrics } from './garbage-metrics.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { UntaggedPolicies } from './policy/untagged-policies.js';
import { UntaggedPolicyController } from './policy/untagged-policy.controller.js';
import { Brake } from './reconcile/brake.js';
import { ObjectComparison } from './reconcile/object-comparison.js';
import { ReconciliationController } from './reconcile/reconciliation.controller.js';
import { ReconciliationLoop } from './reconcile/reconciliation-loop.js';
import { Scrub } from './reconcile/scrub.js';
import { SuspectCheck } from './reconcile/suspect-check.js';
import { LinkReview } from './review/link-review.js';
import { ManifestReview } from './review/manifest-review.js';

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

const POLICY_STORE = {
  provide: UntaggedPolicyStore,
  useFactory: (database: Database, { leaseSeconds }: Settings) => new UntaggedPolicyStore(database, leaseSeconds),
  inject: [Database, Settings],
};

const EXPLANATION_STORE = {
  provide: GarbageExplanationStore,
  useFactory: (database: Database, { gcGraceSeconds }: Settings) =>
    new GarbageExplanationStore(database, gcGraceSeconds),
  inject: [Database, Settings],
};

@Module({
  controllers: [ExplanationController, ReconciliationController, UntaggedPolicyController],
  providers: [
    EXPLANATION_STORE,
    GARBAGE_STORE,
    POLICY_STORE,
    RECONCILIATION_STORE,
    Brake,
    Explanations,
    GarbageCollector,
    GarbageMetrics,
    LinkReview,
    ManifestReview,
    ObjectComparison,
    ObjectDeletion,
    ReconciliationLoop,
    Scrub,
    SuspectCheck,
    UntaggedPolicies,
  ],
})
export class GcWorkerModule {}
