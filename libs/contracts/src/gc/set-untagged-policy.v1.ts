import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { type EffectiveUntaggedPolicyV1, LONGEST_UNTAGGED_SECONDS, UntaggedPolicyOwner } from './untagged-policy.js';

/**
 * Sets the policy for untagged manifests: `keep`, or a number of seconds, or neither for that of what it belongs to. The asker
 * has checked the right to manage.
 */
export class SetUntaggedPolicyV1 extends UntaggedPolicyOwner {
  @IsOptional()
  @IsBoolean()
  keep?: boolean;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(LONGEST_UNTAGGED_SECONDS)
  afterSeconds?: number;
}

/** REPOSITORY_UNKNOWN, ORGANISATION_UNKNOWN. */
export const SET_UNTAGGED_POLICY = defineRequest<SetUntaggedPolicyV1, EffectiveUntaggedPolicyV1>(
  'gc.untagged-policy.set.v1',
  SetUntaggedPolicyV1,
);
