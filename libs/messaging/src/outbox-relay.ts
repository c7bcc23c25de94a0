import type { EventStream } from './event-stream.js';

/** Where events wait that are true already and not yet published. */
export interface Outbox {
  pending(limit: number): Promise<{ id: string; subject: string; payload: object }[]>;
  remove(ids: string[]): Promise<void>;
}

const BATCH = 100;
const GATHER_MS = 20;
const POLL_MS = 5_000;

/**
 * Publishes the outbox: soon after a nudge, and every few seconds without one. Several relays may run at once, and one may
 * die after publishing: the stream drops the second copy by its id, and consumers are idempotent.
 */
export class OutboxRelay {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private due = Infinity;
  private closed = false;

  constructor(
    private readonly outbox: Outbox,
    private readonly stream: EventStream,
    private readonly onFailure: (error: unknown) => void,
  ) {}

  start(): void {
    this.schedule(0);
  }

  /** An event was just written. */
  nudge(): void {
    this.schedule(GATHER_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
  }

  private schedule(afterMs: number): void {
    const due = Date.now() + afterMs;
    if (this.closed || due >= this.due) return;
    if (this.timer) clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => {
      this.due = Infinity;
      this.running = this.running.then(() => this.publishAll());
    }, afterMs);
  }

  private async publishAll(): Promise<void> {
    try {
      for (let events = await this.outbox.pending(BATCH); events.length > 0 && !this.closed;) {
        await Promise.all(events.map(({ subject, id, payload }) => this.stream.publish(subject, id, payload)));
        await this.outbox.remove(events.map((event) => event.id));
        events = events.length < BATCH ? [] : await this.outbox.pending(BATCH);
      }
    } catch (error) {
      this.onFailure(error);
    }
    this.schedule(POLL_MS);
  }
}
