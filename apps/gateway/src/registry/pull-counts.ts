import { COUNT_PULLS, MAX_PULL_COUNTS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

const TELL_EVERY_MS = 5_000;
/** Many more than are pulled in the time that a registry-v2 is away; a pull of one more is not counted until then. */
const MOST_REPOSITORIES = 100_000;

/**
 * How often images were pulled, by repository. Counted in memory and told every few seconds and at the end, so that a pull
 * waits for nothing. What could not be told is told with the next; what a crash takes is not counted, and what was told
 * without an answer may count twice.
 */
@Injectable()
export class PullCounts implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(PullCounts.name);
  private readonly untold = new Map<RepositoryName, number>();
  private timer: NodeJS.Timeout | undefined;
  private telling: Promise<void> | undefined;

  constructor(private readonly bus: MessageBus) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.tell(), TELL_EVERY_MS).unref();
  }

  /** Behind the last answer: until then there are pulls. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.telling;
    await this.tell();
  }

  count(repository: RepositoryName): void {
    const pulls = this.untold.get(repository);
    if (pulls === undefined && this.untold.size >= MOST_REPOSITORIES) return;
    this.untold.set(repository, (pulls ?? 0) + 1);
  }

  /** Resolves when it is told, or could not be. One at a time. */
  tell(): Promise<void> {
    this.telling ??= this.tellAll().finally(() => (this.telling = undefined));
    return this.telling;
  }

  private async tellAll(): Promise<void> {
    const counted = [...this.untold].map(([repository, pulls]) => ({ repository, pulls }));
    try {
      for (let start = 0; start < counted.length; start += MAX_PULL_COUNTS) {
        const counts = counted.slice(start, start + MAX_PULL_COUNTS);
        await this.bus.request(COUNT_PULLS, { counts });
        for (const { repository, pulls } of counts) this.settle(repository, pulls);
      }
    } catch (error) {
      this.logger.warn({ msg: 'pulls could not be counted, they wait', repositories: this.untold.size, err: error });
    }
  }

  /** More may have come since. */
  private settle(repository: RepositoryName, told: number): void {
    const left = this.untold.get(repository)! - told;
    if (left > 0) this.untold.set(repository, left);
    else this.untold.delete(repository);
  }
}
