import { EXPLAIN_DIGEST, type ExplainedDigestV1, PLAN_COLLECTION, type ReasonV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { isDigest, type RepositoryName } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { ManagementRequest } from './management-request.js';
import { shownPolicy } from './untagged-policy.routes.js';

/** `garbage/explain` and `garbage/plan`: why something is kept, and what would go. */
@Injectable()
export class GarbageRoutes {
  constructor(private readonly bus: MessageBus) {}

  /** In one repository, or for an operator in all. */
  async explain(
    { query, reply }: ManagementRequest,
    { repository }: { repository?: RepositoryName } = {},
  ): Promise<void> {
    const digest = query.get('digest') ?? '';
    if (!isDigest(digest)) throw new SwrError('QUERY_INVALID', 'digest must be sha256:... or sha512:...');
    const question = { digest, ...(repository !== undefined && { repository }) };
    await reply.send(shown(await this.bus.request(EXPLAIN_DIGEST, question)));
  }

  async plan({ reply }: ManagementRequest): Promise<void> {
    const { isComplete, ...plan } = await this.bus.request(PLAN_COLLECTION, {});
    await reply.send({ ...plan, complete: isComplete });
  }
}

const shown = ({ digest, size, damage, places, more, objects }: ExplainedDigestV1) => ({
  digest,
  size,
  damage: damage && {
    state: damage.state,
    reason: damage.reason,
    first_seen: damage.firstSeen,
    advice: damage.advice,
  },
  places: places.map(({ isKept, goesAfter, because, ...place }) => ({
    ...place,
    kept: isKept,
    goes_after: goesAfter,
    because: because.map(shownReason),
  })),
  more,
  objects: objects.map(({ notBefore, attempts, lastError, advice }) => ({
    not_before: notBefore,
    attempts,
    last_error: lastError,
    advice,
  })),
});

const shownReason = ({ policy, because, ...reason }: ReasonV1): object => ({
  ...reason,
  ...(policy !== undefined && { policy: shownPolicy(policy) }),
  ...(because && { because: because.map(shownReason) }),
});
