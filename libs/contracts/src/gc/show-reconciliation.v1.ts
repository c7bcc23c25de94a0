import { IsInt, Max, Min } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks how far the comparison of rows and objects is, and the scrub, and what they found. */
export class ShowReconciliationV1 {
  /** How many of the blobs in quarantine are named. */
  @IsInt()
  @Min(0)
  @Max(1_000)
  limit!: number;
}

/** Times are milliseconds since 1970. */
export interface ReconciliationV1 {
  tasks: ReconciliationTaskV1[];
  suspects: number;
  quarantined: number;
  orphans: number;
  blobs: {
    digest: string;
    objectKey: string;
    size: number;
    reason: 'missing' | 'size' | 'unreadable' | 'rot';
    firstSeen: number;
    quarantinedAt: number;
    repositories: string[];
  }[];
}

/** The last is of the scrub; those before it are of the comparison, but `idle`, which both are. */
export const RECONCILIATION_PHASES = [
  'idle',
  'listing',
  'uploads',
  'references',
  'checking',
  'removing',
  'hashing',
] as const;

/** The counts are of the run, or of the last one. */
export interface ReconciliationTaskV1 {
  task: 'objects' | 'scrub';
  phase: (typeof RECONCILIATION_PHASES)[number];
  position: string;
  /** Some gc-worker is at it now. */
  isActive: boolean;
  /** Why it waits for an operator; null: it does not. */
  held: string | null;
  startedAt: number | null;
  finishedAt: number | null;
  objects: number;
  blobs: number;
  bytes: number;
  others: number;
  orphans: number;
  holes: number;
  /** Manifests of which a blob has lost its row or link. */
  incomplete: number;
  removed: number;
  quarantined: number;
  /** Objects that could not be read, though the store answers. */
  skipped: number;
}

export const SHOW_RECONCILIATION = defineRequest<ShowReconciliationV1, ReconciliationV1>(
  'gc.reconciliation.show.v1',
  ShowReconciliationV1,
);
