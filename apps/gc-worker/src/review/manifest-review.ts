import { MANIFEST_DELETED } from '@berth/contracts';
import { type CollectedEvent, type DueManifest, GarbageStore, UntaggedPolicyStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import { garbageErrors } from '../garbage-errors.js';
import { garbageReviews, workOff } from './review-queue.js';

const collected: CollectedEvent = (repository, digest) => ({
  subject: MANIFEST_DELETED.subject,
  payload: { repository, digest },
});

/** Reviews manifests that may be used by nothing, by the policy for untagged ones. */
@Injectable()
export class ManifestReview {
  private readonly logger = new Logger(ManifestReview.name);

  constructor(
    private readonly garbage: GarbageStore,
    private readonly policies: UntaggedPolicyStore,
    private readonly metrics: Metrics,
  ) {
    garbageReviews(metrics);
    garbageErrors(metrics);
  }

  /** Queues what a changed policy concerns, and reviews until nothing is due, or `stopped`. */
  async run(stopped: () => boolean): Promise<void> {
    while (!stopped() && (await this.policies.reviewStep()));
    const { garbage } = this;
    const reviews = {
      kind: 'manifest' as const,
      due: garbage.dueManifests.bind(garbage),
      review: (due: DueManifest) => garbage.reviewManifest(due, collected),
      postpone: garbage.postponeManifest.bind(garbage),
    };
    await workOff(reviews, this.metrics, this.logger, stopped);
  }
}
