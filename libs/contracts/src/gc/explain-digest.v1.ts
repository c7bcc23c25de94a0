import type { Digest, RepositoryName } from '@berth/oci';
import { IsOptional } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

/**
 * Asks why a blob or a manifest is kept, or when it goes. In one repository, for who may read it; or in all of
 * them, for an operator. Who asks has checked that.
 */
export class ExplainDigestV1 {
  @IsDigest()
  digest!: Digest;

  @IsOptional()
  @IsRepositoryName()
  repository?: RepositoryName;
}

/** One link of the chain; `because` is why that in turn is there. Times are ISO 8601. */
export interface ReasonV1 {
  /**
   * `tag`: tags name it. `index`, `subject`, `manifest`: another manifest needs it. `lease`, `grace`, `policy`: protected by time.
   * `due`: nothing keeps it, its review is next. `unqueued`: nothing keeps it, and it is in no queue.
   */
  kind: 'tag' | 'index' | 'subject' | 'manifest' | 'lease' | 'grace' | 'policy' | 'due' | 'unqueued';
  digest?: Digest;
  tags?: string[];
  until?: string;
  /** Of a policy: seconds, or `keep`. */
  policy?: 'keep' | number;
  from?: 'repository' | 'organisation' | 'installation';
  /** Of the same kind that are not shown; counted up to 1000. */
  more?: number;
  because?: ReasonV1[];
}

export interface ExplainedPlaceV1 {
  repository: RepositoryName;
  kind: 'blob' | 'manifest';
  isKept: boolean;
  /** When it goes at the earliest, where it is not kept: null for now. */
  goesAfter: string | null;
  because: ReasonV1[];
}

/** A blob whose object is not what its row says. In quarantine it is as good as not there; a suspected one is looked at again. */
export interface ExplainedDamageV1 {
  state: 'suspected' | 'quarantined';
  reason: 'missing' | 'size' | 'unreadable' | 'rot';
  /** ISO 8601. */
  firstSeen: string;
  /** What to do, as a sentence. */
  advice: string;
}

export interface ExplainedDigestV1 {
  digest: Digest;
  /** Bytes of the blob; null where it is none, or none any more. */
  size: number | null;
  /** Null where nothing wrong is known of the blob's object. */
  damage: ExplainedDamageV1 | null;
  places: ExplainedPlaceV1[];
  /** Places that are not shown; counted up to 1000. */
  more: number;
  /** Objects that held these bytes, and wait to be deleted. `advice`: null where that needs nobody. */
  objects: { notBefore: string; attempts: number; lastError: string | null; advice: string | null }[];
}

export const EXPLAIN_DIGEST = defineRequest<ExplainDigestV1, ExplainedDigestV1>(
  'gc.digest.explain.v1',
  ExplainDigestV1,
);
