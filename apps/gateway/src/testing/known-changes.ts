import type { MessageBus } from '@berth/messaging';
import { Metrics, type Settings } from '@berth/platform';
import { AccessChanges } from '../auth/access-changes.js';

/** Changes of access that the test makes, heard of at once. */
export class KnownChanges extends AccessChanges {
  private count = 0;
  private readonly made = new Map<string, { number: number; madeAt: number }>();

  constructor(bus: MessageBus, settings: Settings) {
    super(bus, settings, new Metrics('gateway'));
  }

  make(subject: string): void {
    this.made.set(subject, { number: ++this.count, madeAt: Date.now() });
  }

  override get heardOf(): number {
    return this.count;
  }

  override latest(subjects: string[]): number {
    return Math.max(0, ...subjects.map((subject) => this.made.get(subject)?.number ?? 0));
  }

  override mayHaveChangedSince(issuedAt: number, subjects: string[]): boolean {
    return subjects.some((subject) => issuedAt * 1000 <= (this.made.get(subject)?.madeAt ?? -1));
  }
}
