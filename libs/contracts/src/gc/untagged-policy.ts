import type { RepositoryName } from '@berth/oci';
import { IsOptional, IsString, MaxLength, ValidateIf } from 'class-validator';
import { IsRepositoryName } from '../field-validators.js';

/** Ten years. */
export const LONGEST_UNTAGGED_SECONDS = 315_360_000;

/** Of whose policy a message is: one of the two. */
export class UntaggedPolicyOwner {
  @ValidateIf((owner: UntaggedPolicyOwner) => owner.organisation === undefined)
  @IsRepositoryName()
  repository?: RepositoryName;

  @IsOptional()
  @IsString()
  @MaxLength(255)
  organisation?: string;
}

/** What becomes of manifests that no tag, index or subject keeps: seconds until they are collected, or `keep`. */
export type UntaggedPolicyV1 = 'keep' | number;

export interface EffectiveUntaggedPolicyV1 {
  /** Null: it has that of what it belongs to. */
  own: UntaggedPolicyV1 | null;
  effective: UntaggedPolicyV1;
  from: 'repository' | 'organisation' | 'installation';
}
