import { AccountStore, Database, GarbageExplanationStore, GarbageStore, UntaggedPolicyStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { ExplanationController } from './explanation/explanation.controller.js';
import { Explanations } from './explanation/explanations.js';
import { GarbageCollector } from './garbage-collector.js';
import { GarbageMetrics } from './garbage-metrics.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { UntaggedPolicies } from './policy/untagged-policies.js';
import { UntaggedPolicyController } from './policy/untagged-policy.controller.js';
import { LinkReview } from './review/link-review.js';
import { ManifestReview } from './review/manifest-review.js';

const GARBAGE_STORE = {
  provide: GarbageStore,
  useFactory: (database: Database, { gcGraceSeconds, readGrantSeconds }: Settings) =>
    new GarbageStore(database, { graceSeconds: gcGraceSeconds, pullWindowSeconds: readGrantSeconds }),
  inject: [Database, Settings],
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

const ACCOUNT_STORE = {
  provide: AccountStore,
  useFactory: (database: Database) => new AccountStore(database),
  inject: [Database],
};

@Module({
  controllers: [ExplanationController, UntaggedPolicyController],
  providers: [
    ACCOUNT_STORE,
    EXPLANATION_STORE,
    GARBAGE_STORE,
    POLICY_STORE,
    Explanations,
    GarbageCollector,
    GarbageMetrics,
    LinkReview,
    ManifestReview,
    ObjectDeletion,
    UntaggedPolicies,
  ],
})
export class GcWorkerModule {}
