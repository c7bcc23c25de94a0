import {
  type EffectiveUntaggedPolicyV1,
  LONGEST_UNTAGGED_SECONDS,
  SET_UNTAGGED_POLICY,
  SHOW_UNTAGGED_POLICY,
  type UntaggedPolicyV1,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsBoolean, IsInt, IsOptional, Max, Min } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';

class UntaggedPolicyBody {
  @IsOptional()
  @IsBoolean()
  keep?: boolean | null;

  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(LONGEST_UNTAGGED_SECONDS)
  after_seconds?: number | null;
}

interface Named {
  organisation: string;
  repository?: RepositoryName;
}

/** `.../untagged-policy` of an organisation or a repository: what becomes of manifests that no tag, index or subject keeps. */
@Injectable()
export class UntaggedPolicyRoutes {
  constructor(private readonly bus: MessageBus) {}

  async show({ reply }: ManagementRequest, named: Named): Promise<void> {
    await reply.send(shown(await this.bus.request(SHOW_UNTAGGED_POLICY, ownerOf(named))));
  }

  async set({ body, reply }: ManagementRequest, named: Named): Promise<void> {
    const { keep, after_seconds: seconds } = bodyOf(UntaggedPolicyBody, body);
    const isAge = typeof seconds === 'number';
    if ((keep === true) === isAge) {
      throw new SwrError('FIELD_MISSING', 'either "keep": true or after_seconds is needed');
    }
    const policy = isAge ? { afterSeconds: seconds } : { keep: true };
    await reply.send(shown(await this.bus.request(SET_UNTAGGED_POLICY, { ...ownerOf(named), ...policy })));
  }

  /** From now on it has the policy of what it belongs to. */
  async inherit({ reply }: ManagementRequest, named: Named): Promise<void> {
    await this.bus.request(SET_UNTAGGED_POLICY, ownerOf(named));
    await reply.status(204).send();
  }
}

const ownerOf = ({ organisation, repository }: Named) => (repository === undefined ? { organisation } : { repository });

const shown = ({ own, effective, from }: EffectiveUntaggedPolicyV1) => ({
  own: own === null ? null : shownPolicy(own),
  effective: shownPolicy(effective),
  from,
});

export const shownPolicy = (given: UntaggedPolicyV1) =>
  given === 'keep' ? { keep: true } : { keep: false, after_seconds: given };
