import { GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED } from '@berth/contracts';
import { EventStream } from '@berth/messaging';
import { GarbageStore, UntaggedPolicyStore } from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { garbageErrors } from './garbage-errors.js';
import { ObjectDeletion } from './object/object-deletion.js';
import { LinkReview } from './review/link-review.js';
import { ManifestReview } from './review/manifest-review.js';

const DURABLE = 'gc-worker';
/** A push of a tag that was there lets go of what it named. */
const EVENTS = [GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED];
const LONGEST_SLEEP_MS = 10_000;
const SHORTEST_SLEEP_MS = 50;
const AFTER_FAILURE_MS = 5_000;

/**
 * Sleeps until the next row is due, and works until none is. Events only wake it earlier: without them it finds the same
 * rows. Any number may run: rows are judged under locks, and handed out with SKIP LOCKED.
 */
@Injectable()
export class GarbageCollector implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(GarbageCollector.name);
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Ends the sleep; while there is work, the next one. */
  private wakeUp: () => void = () => (this.woken = true);
  private woken = false;
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
    this.running = this.loop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  /** Something may be due now. */
  wake(): void {
    this.wakeUp();
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const pause = await this.collect();
      if (!this.stopped) await this.sleep(pause);
    }
  }

  /** Everything that is due now; gives the milliseconds until something is due again. */
  private async collect(): Promise<number> {
    try {
      await this.tellPolicy();
      await this.manifests.run(() => this.stopped);
      await this.links.run(() => this.stopped);
      await this.objects.run(() => this.stopped);
      const seconds = await this.garbage.secondsUntilDue();
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

  private async sleep(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.woken ? SHORTEST_SLEEP_MS : milliseconds);
      this.woken = false;
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wakeUp = () => (this.woken = true);
  }
}
