import type { EventContract } from '@berth/contracts';

/** Acknowledged when it resolves; delivered again when it throws. */
export type EventHandler<Event extends object> = (event: Event) => Promise<void>;

/** Facts, published at least once and delivered at least once. Whoever relies on one must find it in the rows as well. */
export abstract class EventStream {
  /** `id` is the event's own: the stream drops a second event with the same one. */
  abstract publish(subject: string, id: string, payload: object): Promise<void>;

  /** Every event goes to one of the processes that consume under the same durable name. */
  abstract consume<Event extends object>(
    durable: string,
    contracts: readonly EventContract<Event>[],
    handler: EventHandler<Event>,
  ): Promise<void>;

  /** Resolves when events can be published. */
  abstract ready(): Promise<void>;

  abstract close(): Promise<void>;
}
