import type { EventContract } from '@berth/contracts';
import { type EventHandler, EventStream } from '../event-stream.js';

type Consumer = EventHandler<object>;

/** The events of standalone: each consumer gets each event of its contracts, after publish has returned. */
export class InProcessEventStream extends EventStream {
  private readonly consumers = new Map<string, Set<Consumer>>();
  private readonly running = new Set<Promise<void>>();

  async publish(subject: string, _id: string, payload: object): Promise<void> {
    for (const consumer of this.consumers.get(subject) ?? []) this.deliver(consumer, payload);
  }

  async consume<Event extends object>(
    _durable: string,
    contracts: readonly EventContract<Event>[],
    handler: EventHandler<Event>,
  ): Promise<void> {
    for (const { subject } of contracts) {
      const consumers = this.consumers.get(subject) ?? new Set();
      this.consumers.set(subject, consumers.add(handler as Consumer));
    }
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    this.consumers.clear();
    await Promise.all(this.running);
  }

  private deliver(consumer: Consumer, payload: object): void {
    // A consumer that fails finds the same fact in the rows: nothing is delivered twice inside one process.
    const run: Promise<void> = consumer(structuredClone(payload)).then(
      () => void this.running.delete(run),
      () => void this.running.delete(run),
    );
    this.running.add(run);
  }
}
