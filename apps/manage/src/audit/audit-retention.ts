import { AuditStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

const EVERY_MS = 3_600_000;
const BATCH = 1_000;
/** What is younger the database keeps, whatever is asked of it. */
const FEWEST_DAYS = 30;

/** Removes records that are older than they are kept, in batches, each hour. Several replicas share the work. */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(AuditRetention.name);
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly audit: AuditStore,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.auditDays === 0) return;
    const run = () => {
      this.running = this.running.then(() => this.removeOld());
    };
    run();
    this.timer = setInterval(run, EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    await this.running;
  }

  private async removeOld(): Promise<void> {
    const days = Math.max(FEWEST_DAYS, this.settings.auditDays);
    try {
      for (let removed = BATCH; removed === BATCH && !this.stopped;) {
        removed = await this.audit.removeOlderThan(days, BATCH);
        if (removed > 0) this.logger.log({ msg: 'old audit records removed', count: removed, days });
      }
    } catch (error) {
      this.logger.warn({ msg: 'old audit records could not be removed, it is tried again in an hour', err: error });
    }
  }
}
