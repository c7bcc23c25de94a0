import { GarbageStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import { garbageErrors } from '../garbage-errors.js';
import { garbageReviews, SetAside, workOff } from './review-queue.js';

/** Reviews what may be unreferenced: rows go here, in the transaction that finds them to be garbage. */
@Injectable()
export class LinkReview {
  private readonly logger = new Logger(LinkReview.name);
  private readonly aside = new SetAside();

  constructor(
    private readonly garbage: GarbageStore,
    private readonly metrics: Metrics,
  ) {
    garbageReviews(metrics);
    garbageErrors(metrics);
  }

  /** Something stays due that cannot be reviewed, nor put off. */
  get isStuck(): boolean {
    return this.aside.size > 0;
  }

  /** Until nothing is due, or `stopped`. */
  async run(stopped: () => boolean): Promise<void> {
    const { garbage } = this;
    const reviews = {
      kind: 'link' as const,
      due: garbage.dueLinks.bind(garbage),
      review: garbage.reviewLink.bind(garbage),
      postpone: garbage.postponeLink.bind(garbage),
    };
    await workOff(reviews, this.metrics, this.logger, this.aside, stopped);
  }
}
