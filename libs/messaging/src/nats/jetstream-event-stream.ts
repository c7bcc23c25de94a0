import type { EventContract } from '@berth/contracts';
import { registryError } from '@berth/oci';
import {
  AckPolicy,
  type ConsumerMessages,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { setTimeout as delay } from 'node:timers/promises';
import { type EventHandler, EventStream } from '../event-stream.js';
import type { NatsLink } from './nats-connection.js';

export interface JetStreamSettings {
  stream: string;
  /** Every event subject there is. */
  subjects: string[];
  replicas: number;
}

const SECOND_NS = 1_000_000_000;
const MAX_AGE_NS = 7 * 24 * 3600 * SECOND_NS;
const DUPLICATE_WINDOW_NS = 10 * 60 * SECOND_NS;
const ACK_WAIT_NS = 30 * SECOND_NS;
const PUBLISH_TIMEOUT_MS = 5_000;
const RETRY_MS = 1_000;
const MAX_ACK_PENDING = 256;

/** Events on a JetStream stream, which is made or brought up to date when it is first used. */
export class JetStreamEventStream extends EventStream {
  private readonly client: JetStreamClient;
  private readonly open = new Set<ConsumerMessages>();
  private closed = false;
  private stream: Promise<JetStreamManager> | null = null;

  constructor(
    private readonly link: NatsLink,
    private readonly settings: JetStreamSettings,
  ) {
    super();
    this.client = jetstream(link.connection);
  }

  async publish(subject: string, id: string, payload: object): Promise<void> {
    await this.manager();
    await this.client.publish(subject, JSON.stringify(payload), { msgID: id, timeout: PUBLISH_TIMEOUT_MS });
  }

  async consume<Event extends object>(
    durable: string,
    contracts: readonly EventContract<Event>[],
    handler: EventHandler<Event>,
  ): Promise<void> {
    void this.consumeForever(
      durable,
      contracts.map((contract) => contract.subject),
      (message) => handler(message.json<Event>()),
    );
  }

  async ready(): Promise<void> {
    if (!this.link.isUp) throw registryError('UNAVAILABLE', undefined, { cause: 'the bus is not connected' });
    await this.manager();
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.open].map((messages) => messages.close()));
    await this.link.close();
  }

  /** A stream that was lost (a server without its disk) is made again: an attempt that failed is not remembered. */
  private manager(): Promise<JetStreamManager> {
    this.stream ??= this.ensureStream().catch((error: unknown) => {
      this.stream = null;
      throw registryError('UNAVAILABLE', undefined, { cause: error });
    });
    return this.stream;
  }

  private async ensureStream(): Promise<JetStreamManager> {
    const manager = await jetstreamManager(this.link.connection);
    const { stream: name, subjects, replicas } = this.settings;
    const config = { subjects, num_replicas: replicas, max_age: MAX_AGE_NS, duplicate_window: DUPLICATE_WINDOW_NS };
    const exists = await manager.streams.info(name).then(
      () => true,
      () => false,
    );
    if (exists) await manager.streams.update(name, config);
    else await manager.streams.add({ name, retention: RetentionPolicy.Limits, storage: StorageType.File, ...config });
    return manager;
  }

  private async consumeForever(durable: string, subjects: string[], handle: (message: JsMsg) => Promise<void>) {
    while (!this.closed) {
      try {
        await this.consumeOnce(durable, subjects, handle);
      } catch {
        this.stream = null;
      }
      if (!this.closed) await delay(RETRY_MS);
    }
  }

  private async consumeOnce(durable: string, subjects: string[], handle: (message: JsMsg) => Promise<void>) {
    const manager = await this.manager();
    await manager.consumers.add(this.settings.stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_NS,
      max_ack_pending: MAX_ACK_PENDING,
      filter_subjects: subjects,
    });
    const consumer = await this.client.consumers.get(this.settings.stream, durable);
    const messages = await consumer.consume({ max_messages: MAX_ACK_PENDING });
    this.open.add(messages);
    try {
      for await (const message of messages) {
        await handle(message).then(
          () => message.ack(),
          () => message.nak(RETRY_MS),
        );
      }
    } finally {
      this.open.delete(messages);
    }
  }
}
