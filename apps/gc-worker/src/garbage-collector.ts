import { MANIFEST_DELETED, TAG_DELETED } from '@berth/contracts';
import { EventStream } from '@berth/messaging';
import { GarbageStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ObjectDeletion } from './object/object-deletion.js';
import { LinkReview } from './review/link-review.js';

const DURABLE = 'gc-worker';
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
  private wakeUp: () => void = () => undefined;

  constructor(
    private readonly events: EventStream,
    private readonly garbage: GarbageStore,
    private readonly review: LinkReview,
    private readonly objects: ObjectDeletion,
    metrics: Metrics,
  ) {
    metrics.gauge('berth_garbage_due_links', 'Links whose review is due', async () => (await garbage.backlog()).links);
    metrics.gauge(
      'berth_garbage_due_objects',
      'Objects whose deletion is due',
      async () => (await garbage.backlog()).objects,
    );
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.events.consume<object>(DURABLE, [MANIFEST_DELETED, TAG_DELETED], async () => this.wakeUp());
    this.running = this.loop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.wakeUp();
    await this.running;
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
      await this.review.run(() => this.stopped);
      await this.objects.run(() => this.stopped);
      const seconds = await this.garbage.secondsUntilDue();
      if (seconds === null) return LONGEST_SLEEP_MS;
      return Math.min(LONGEST_SLEEP_MS, Math.max(SHORTEST_SLEEP_MS, seconds * 1000));
    } catch (error) {
      this.logger.warn({ msg: 'collection was interrupted, it goes on later', err: error });
      return AFTER_FAILURE_MS;
    }
  }

  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
