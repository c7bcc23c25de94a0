import { GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED } from '@berth/contracts';
import { EventStream } from '@berth/messaging';
import { GarbageStore, UntaggedPolicyStore } from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { garbageErrors } from './garbage-errors.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { LinkReview } from './review/link-review.js';
import { ManifestReview } from './review/manifest-review.js';
import { WorkLoop } from './work-loop.js';

const DURABLE = 'gc-worker';
/** A push of a tag that was there lets go of what it named. */
const EVENTS = [GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED];
const LONGEST_SLEEP_MS = 10_000;
const SHORTEST_SLEEP_MS = 50;
const AFTER_FAILURE_MS = 5_000;

/**
 * Sleeps until the next row is due, and works until none is: reviews, and beside them the deletion of objects, which a slow
 * store may hold up. Events only wake it earlier: without them it finds the same rows. Any number may run: rows are judged
 * under locks, and handed out with SKIP LOCKED.
 */
@Injectable()
export class GarbageCollector implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(GarbageCollector.name);
  private readonly reviewing = new WorkLoop((stopped) => this.untilDue(() => this.review(stopped)));
  private readonly deleting = new WorkLoop((stopped) => this.untilDue(() => this.deleteObjects(stopped)));
  private isPolicyTold = false;

  constructor(
    private readonly events: EventStream,
    private readonly garbage: GarbageStore,
    private readonly policies: UntaggedPolicyStore,
    private readonly manifests: ManifestReview,
    private readonly links: LinkReview,
    private readonly objects: ObjectDeletion,
    private readonly metrics: Metrics,
    private readonly settings: Settings,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.events.consume<object>(DURABLE, EVENTS, async () => this.wake());
    this.reviewing.start();
    this.deleting.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.reviewing.stop(), this.deleting.stop()]);
  }

  /** Something may be due now. */
  wake(): void {
    this.reviewing.wake();
    this.deleting.wake();
  }

  /** What is due now, or of many policies' manifests a part; gives the seconds until something is due again. */
  private async review(stopped: () => boolean): Promise<number | null> {
    await this.tellPolicy();
    const more = await this.manifests.run(stopped);
    await this.links.run(stopped);
    // Objects may be due sooner than those that it waits for.
    this.deleting.wake();
    if (more) return 0;
    return this.manifests.isStuck || this.links.isStuck ? null : this.garbage.secondsUntilReview();
  }

  private async deleteObjects(stopped: () => boolean): Promise<number | null> {
    await this.objects.run(stopped);
    return this.garbage.secondsUntilDeletion();
  }

  /** Gives the milliseconds until there is something to do again. */
  private async untilDue(work: () => Promise<number | null>): Promise<number> {
    try {
      const seconds = await work();
      if (seconds === null) return LONGEST_SLEEP_MS;
      return Math.min(LONGEST_SLEEP_MS, Math.max(SHORTEST_SLEEP_MS, seconds * 1000));
    } catch (error) {
      garbageErrors(this.metrics).inc({ kind: 'collection' });
      this.logger.warn({ msg: 'collection was interrupted, it goes on later', err: error });
      return AFTER_FAILURE_MS;
    }
  }

  /** The setting becomes the policy of the installation, for whoever judges by it or shows it. */
  private async tellPolicy(): Promise<void> {
    if (this.isPolicyTold) return;
    await this.policies.setDefault(this.settings.gcUntagged === 'keep' ? 'keep' : Number(this.settings.gcUntagged));
    this.isPolicyTold = true;
  }
}
