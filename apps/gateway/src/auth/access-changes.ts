import { type AccessChangesV1, LIST_ACCESS_CHANGES } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { organisationOf, type RepositoryName } from '@berth/oci';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';

/** Behind the end of one question: so long, and a moment, a change is unknown here. */
const ASK_EVERY_MS = 1_000;
/** How far the clock that tokens are issued by may be ahead of the database's. */
const CLOCK_SKEW_MS = 30_000;
/** No token that is believed at all was issued longer ago. */
const LONGEST_TOKEN_MS = 86_400_000 + CLOCK_SKEW_MS;
const SUBJECTS_REMEMBERED = 50_000;

interface Change {
  /** Counts the changes that this gateway has heard of. */
  number: number;
  /** When it was heard of, by the database's clock in milliseconds: it had been committed by then. */
  seenAt: number;
}

export const userSubject = (userId: string): string => `user:${userId}`;
export const repositorySubjects = (repository: RepositoryName): string[] => [
  `repository:${repository}`,
  `organisation:${organisationOf(repository)}`,
];

/**
 * Whose credentials and rights have changed, as auth tells each second: what was known of them before is to be asked again.
 * While auth does not tell, what is known goes on. Until it has told for the first time, anything may have changed.
 */
@Injectable()
export class AccessChanges implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(AccessChanges.name);
  /** Those heard of last are at the end. */
  private readonly bySubject = new Map<string, Change & { transaction: string }>();
  /** What may have changed anything. */
  private anything: Change = { number: 0, seenAt: Infinity };
  private heard = 0;
  /** By this clock, in milliseconds; before the first time, when it began to ask. */
  private heardAt = Date.now();
  private position: string | undefined;
  private isAway = false;
  private isStopped = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'berth_access_changes_age_seconds',
      'Since auth last told what access has changed; 0 where everybody may do everything',
      () => (this.settings.open ? 0 : (Date.now() - this.heardAt) / 1000),
    );
  }

  async onModuleInit(): Promise<void> {
    if (this.settings.open) return;
    await this.askAndGoOn();
  }

  onModuleDestroy(): void {
    this.isStopped = true;
    if (this.timer) clearTimeout(this.timer);
  }

  /** The number of the latest change of all. */
  get heardOf(): number {
    return this.heard;
  }

  /** The number of the latest change of one of the subjects: what was asked when it was lower is to be asked again. */
  latest(subjects: string[]): number {
    return Math.max(this.anything.number, ...subjects.map((subject) => this.bySubject.get(subject)?.number ?? 0));
  }

  /** A token of that time, in seconds since 1970, may say what one of the subjects' changes has made untrue. */
  mayHaveChangedSince(issuedAt: number, subjects: string[]): boolean {
    const isOlder = (change: Change | undefined) => change && issuedAt * 1000 <= change.seenAt + CLOCK_SKEW_MS;
    return isOlder(this.anything) || subjects.some((subject) => isOlder(this.bySubject.get(subject)));
  }

  /** Asks once. UNAVAILABLE where auth is away. */
  async ask(): Promise<void> {
    const since = this.position;
    const answer = await this.bus.request(LIST_ACCESS_CHANGES, since === undefined ? {} : { since });
    if (!answer.complete) this.takeAnythingForChanged(answer.now);
    else if (since === undefined) this.anything = { number: ++this.heard, seenAt: -Infinity };
    this.remember(answer);
    this.position = answer.position;
    this.heardAt = Date.now();
  }

  private async askAndGoOn(): Promise<void> {
    try {
      await this.ask();
      if (this.isAway) this.logger.log({ msg: 'changes of access are heard of again' });
      this.isAway = false;
    } catch (error) {
      if (!this.isAway) this.logger.warn({ msg: 'changes of access are not heard of', err: error });
      this.isAway = true;
    }
    if (!this.isStopped) this.timer = setTimeout(() => void this.askAndGoOn(), ASK_EVERY_MS).unref();
  }

  private remember({ changes, now }: AccessChangesV1): void {
    for (const { subject, transaction } of changes) {
      if (this.bySubject.get(subject)?.transaction === transaction) continue;
      this.bySubject.delete(subject);
      this.bySubject.set(subject, { number: ++this.heard, seenAt: now, transaction });
    }
    for (const [subject, { seenAt }] of this.bySubject) {
      if (seenAt > now - LONGEST_TOKEN_MS) break;
      this.bySubject.delete(subject);
    }
    if (this.bySubject.size > SUBJECTS_REMEMBERED) this.takeAnythingForChanged(now);
  }

  private takeAnythingForChanged(now: number): void {
    this.anything = { number: ++this.heard, seenAt: now };
    this.bySubject.clear();
  }
}
