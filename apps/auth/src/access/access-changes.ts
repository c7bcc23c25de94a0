import { type AccessChangesV1, type ListAccessChangesV1, MAX_ACCESS_CHANGES } from '@berth/contracts';
import { AccessChangeStore } from '@berth/metadata';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

/** Longer than any bearer token lives, and than anything of Basic credentials is remembered. */
const KEPT_SECONDS = 2 * 86_400;
const REMOVE_EVERY_MS = 600_000;
const BATCH = 1_000;

/** What gateways ask each second: whose credentials and rights changed. Forgets what no token can be older than. */
@Injectable()
export class AccessChanges implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(AccessChanges.name);
  private timer: NodeJS.Timeout | null = null;
  private removing: Promise<void> = Promise.resolve();

  constructor(private readonly store: AccessChangeStore) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.removing = this.removing.then(() => this.removeOld());
    }, REMOVE_EVERY_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.removing;
  }

  async list({ since }: ListAccessChangesV1): Promise<AccessChangesV1> {
    const { changes, ...at } = await this.store.list(since ?? null, MAX_ACCESS_CHANGES + 1);
    return { changes: changes.slice(0, MAX_ACCESS_CHANGES), complete: changes.length <= MAX_ACCESS_CHANGES, ...at };
  }

  private async removeOld(): Promise<void> {
    try {
      for (let removed = BATCH; removed === BATCH;) removed = await this.store.removeOlderThan(KEPT_SECONDS, BATCH);
    } catch (error) {
      this.logger.warn({ msg: 'old changes of access could not be removed, they are tried again', err: error });
    }
  }
}
