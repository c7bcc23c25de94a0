import type { UnfinishedObject } from '@berth/blob-store';
import { UploadSessionStore } from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ObjectRemover } from '../object/object-remover.js';

const BATCH = 100;
const MOST_COUNTED = 10_000;
const LONGEST_MS = 60_000;

/** Ends upload sessions that nobody touches any more, or that are too old, and removes what they stored. */
@Injectable()
export class SessionReaper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SessionReaper.name);
  private readonly everyMs: number;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly sessions: UploadSessionStore,
    private readonly remover: ObjectRemover,
    settings: Settings,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'berth_upload_sessions',
      'Upload sessions that are open, of all replicas together; of more than 10,000, that many',
      () => sessions.count(MOST_COUNTED),
    );
    this.everyMs = Math.min(LONGEST_MS, settings.uploadIdleSeconds * 500);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.running = this.running.then(() => this.reap());
    }, this.everyMs);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  private async reap(): Promise<void> {
    try {
      for (let expired = await this.sessions.takeExpired(BATCH); expired.length > 0;) {
        for (const { object } of expired) if (object) this.remover.abortLater(object as UnfinishedObject);
        this.logger.log({ msg: 'idle or old upload sessions ended', count: expired.length });
        expired = expired.length < BATCH ? [] : await this.sessions.takeExpired(BATCH);
      }
    } catch (error) {
      this.logger.warn({ msg: 'idle or old upload sessions could not be ended, they are tried again', err: error });
    }
  }
}
