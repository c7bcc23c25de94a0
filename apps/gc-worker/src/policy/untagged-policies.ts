import type {
  EffectiveUntaggedPolicyV1,
  SetUntaggedPolicyV1,
  ShowUntaggedPolicyV1,
  UntaggedPolicyOwner,
} from '@berth/contracts';
import { type PolicyOwner, UntaggedPolicyStore } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { GarbageCollector } from '../garbage-collector.js';

/** What becomes of manifests that nothing uses, in an organisation or a repository. Who may set it was decided before. */
@Injectable()
export class UntaggedPolicies {
  constructor(
    private readonly policies: UntaggedPolicyStore,
    private readonly collector: GarbageCollector,
  ) {}

  async show(request: ShowUntaggedPolicyV1): Promise<EffectiveUntaggedPolicyV1> {
    const owner = ownerOf(request);
    const found = await this.policies.show(owner);
    if (!found) throw unknown(owner);
    return found;
  }

  async set(request: SetUntaggedPolicyV1): Promise<EffectiveUntaggedPolicyV1> {
    const owner = ownerOf(request);
    const policy = request.keep ? 'keep' : (request.afterSeconds ?? null);
    if (!(await this.policies.set(owner, policy))) throw unknown(owner);
    this.collector.wake();
    return this.show(request);
  }
}

const ownerOf = ({ repository, organisation }: UntaggedPolicyOwner): PolicyOwner =>
  organisation === undefined ? { repository: repository! } : { organisation };

const unknown = (owner: PolicyOwner): SwrError =>
  new SwrError('repository' in owner ? 'REPOSITORY_UNKNOWN' : 'ORGANISATION_UNKNOWN');
