import { GARBAGE_QUEUED } from '@berth/contracts';
import { EventStream, OutboxRelay } from '@berth/messaging';
import { OutboxStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

const MOST_COUNTED = 10_000;

/** Publishes what the stores wrote to the outbox. The row is the truth; this makes it prompt. */
@Injectable()
export class Events implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Events.name);
  private readonly relay: OutboxRelay;

  constructor(
    outbox: OutboxStore,
    private readonly stream: EventStream,
    metrics: Metrics,
  ) {
    const failures = metrics.counter(
      'berth_outbox_failures_total',
      'Attempts to publish events that failed: they wait',
    );
    this.relay = new OutboxRelay(outbox, stream, (error) => {
      failures.inc();
      this.logger.warn({ msg: 'events could not be published, they wait', err: error });
    });
    metrics.gauge('berth_outbox_oldest_seconds', 'Age of the oldest event that is not published', () =>
      outbox.oldestAgeSeconds(),
    );
    metrics.gauge('berth_outbox_events', 'Events that are not published; of more than 10,000, that many', () =>
      outbox.count(MOST_COUNTED),
    );
  }

  onApplicationBootstrap(): void {
    this.relay.start();
  }

  /** An event was written. */
  nudge(): void {
    this.relay.nudge();
  }

  /** gc-worker finds it in its queue without this, within seconds: an event that cannot be published is let go. */
  garbageQueued(): void {
    this.stream.publish(GARBAGE_QUEUED.subject, crypto.randomUUID(), {}).catch((error: unknown) => {
      this.logger.debug({ msg: 'gc-worker was not told of garbage', err: error });
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.relay.close();
  }
}
