import { MANIFEST_DELETED } from '@berth/contracts';
import { type CollectedEvent, type DueManifest, GarbageStore, UntaggedPolicyStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import { garbageErrors } from '../garbage-errors.js';
import { garbageReviews, isOutage, SetAside, workOff } from './review-queue.js';

const collected: CollectedEvent = (repository, digest) => ({
  subject: MANIFEST_DELETED.subject,
  payload: { repository, digest },
});

/** However much there is to queue, what is due does not wait longer for it than these take. */
const STEPS = 20;

/** Reviews manifests that may be used by nothing, by the policy for untagged ones. */
@Injectable()
export class ManifestReview {
  private readonly logger = new Logger(ManifestReview.name);
  private readonly aside = new SetAside();

  constructor(
    private readonly garbage: GarbageStore,
    private readonly policies: UntaggedPolicyStore,
    private readonly metrics: Metrics,
  ) {
    garbageReviews(metrics);
    garbageErrors(metrics);
  }

  /** Something stays due that cannot be reviewed, nor put off. */
  get isStuck(): boolean {
    return this.aside.size > 0;
  }

  /**
   * Queues some of what a changed policy concerns, and of what had a subject, and reviews until nothing is due, or `stopped`.
   * True where there is more to queue.
   */
  async run(stopped: () => boolean): Promise<boolean> {
    const { garbage } = this;
    const ofPolicies = await this.queue('a changed policy', () => this.policies.reviewStep(), stopped);
    const ofSubjects = await this.queue('a subject that went', () => garbage.releaseStep(), stopped);
    const reviews = {
      kind: 'manifest' as const,
      due: garbage.dueManifests.bind(garbage),
      review: (due: DueManifest) => garbage.reviewManifest(due, collected),
      postpone: garbage.postponeManifest.bind(garbage),
    };
    await workOff(reviews, this.metrics, this.logger, this.aside, stopped);
    return ofPolicies || ofSubjects;
  }

  /** A step that fails is tried again in the next round: what is due already does not wait for it. */
  private async queue(reason: string, step: () => Promise<boolean>, stopped: () => boolean): Promise<boolean> {
    try {
      for (let steps = 0; steps < STEPS; steps++) {
        if (stopped() || !(await step())) return false;
      }
      return true;
    } catch (error) {
      if (isOutage(error)) throw error;
      garbageErrors(this.metrics).inc({ kind: 'manifest' });
      this.logger.error({ msg: `manifests could not be queued for ${reason}, it is tried again`, err: error });
      return false;
    }
  }
}
