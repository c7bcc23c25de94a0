import type { Digest, RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { ValidateNested } from 'class-validator';
import { Actor } from '../auth/actor.js';
import { defineRequest } from '../contract.js';

/** Asks what a review of all that is due would do now. Nothing is changed. */
export class PlanCollectionV1 {
  /** An operator. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

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

/** PERMISSION_DENIED for somebody who is no operator. */
export const PLAN_COLLECTION = defineRequest<PlanCollectionV1, PlannedCollectionV1>(
  'gc.collection.plan.v1',
  PlanCollectionV1,
);
