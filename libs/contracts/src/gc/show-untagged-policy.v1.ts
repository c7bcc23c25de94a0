import { defineRequest } from '../contract.js';
import { type EffectiveUntaggedPolicyV1, UntaggedPolicyOwner } from './untagged-policy.js';

/** Asks for the policy for untagged manifests. The asker has checked the right to read. */
export class ShowUntaggedPolicyV1 extends UntaggedPolicyOwner {}

/** REPOSITORY_UNKNOWN, ORGANISATION_UNKNOWN. */
export const SHOW_UNTAGGED_POLICY = defineRequest<ShowUntaggedPolicyV1, EffectiveUntaggedPolicyV1>(
  'gc.untagged-policy.show.v1',
  ShowUntaggedPolicyV1,
);
