import type { Digest, RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';

/** Asks, for an operator, what a review of all that is due would do now. Nothing is changed. Who asks has checked that it is one. */
export class PlanCollectionV1 {}

interface Going {
  repository: RepositoryName;
  digest: Digest;
}

export interface PlannedCollectionV1 {
  manifests: { count: number; bytes: number; shown: Going[] };
  links: { count: number; shown: Going[] };
  /** Those of which no link is left. */
  blobs: { count: number; bytes: number };
  /** Queued already. */
  objects: { count: number; bytes: number };
  /** False where more is due than the plan looks at. */
  isComplete: boolean;
}

export const PLAN_COLLECTION = defineRequest<PlanCollectionV1, PlannedCollectionV1>(
  'gc.collection.plan.v1',
  PlanCollectionV1,
);
