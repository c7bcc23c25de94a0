import { GarbageStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable } from '@nestjs/common';

const BATCH = 200;

/** Reviews what may be unreferenced: rows go here, in the transaction that finds them to be garbage. */
@Injectable()
export class LinkReview {
  constructor(
    private readonly garbage: GarbageStore,
    private readonly metrics: Metrics,
  ) {}

  /** Until nothing is due, or `stopped`. */
  async run(stopped: () => boolean): Promise<void> {
    await this.settleManifests(stopped);
    for (;;) {
      const due = await this.garbage.dueLinks(BATCH);
      for (const link of due) {
        if (stopped()) return;
        this.metrics.garbage.inc({ verdict: await this.garbage.reviewLink(link) });
      }
      if (due.length < BATCH) return;
    }
  }

  private async settleManifests(stopped: () => boolean): Promise<void> {
    while (!stopped() && (await this.garbage.settleManifests(BATCH)) === BATCH);
  }
}
