import {
  type EffectiveUntaggedPolicyV1,
  SET_UNTAGGED_POLICY,
  SetUntaggedPolicyV1,
  SHOW_UNTAGGED_POLICY,
  ShowUntaggedPolicyV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { UntaggedPolicies } from './untagged-policies.js';

@Controller()
export class UntaggedPolicyController {
  constructor(private readonly policies: UntaggedPolicies) {}

  @Answers(SHOW_UNTAGGED_POLICY)
  show(@Payload() request: ShowUntaggedPolicyV1): Promise<EffectiveUntaggedPolicyV1> {
    return this.policies.show(request);
  }

  @Answers(SET_UNTAGGED_POLICY)
  set(@Payload() request: SetUntaggedPolicyV1): Promise<EffectiveUntaggedPolicyV1> {
    return this.policies.set(request);
  }
}
