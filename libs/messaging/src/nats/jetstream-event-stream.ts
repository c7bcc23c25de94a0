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
import { Logger } from '@nestjs/common';
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
  private readonly logger = new Logger(JetStreamEventStream.name);
  private readonly client: JetStreamClient;
  private readonly open = new Set<ConsumerMessages>();
  private closed = false;
  private readonly settings: JetStreamSettings;
  private stream: Promise<JetStreamManager> | null = null;

  constructor(
    private readonly link: NatsLink,
    settings: JetStreamSettings,
  ) {
    super();
    this.settings = {
      ...settings,
      stream: link.nameOf(settings.stream),
      subjects: settings.subjects.map((subject) => link.nameOf(subject)),
    };
    this.client = jetstream(link.connection);
  }

  async publish(subject: string, id: string, payload: object): Promise<void> {
    await this.manager();
    try {
      await this.client.publish(this.link.nameOf(subject), JSON.stringify(payload), {
        msgID: id,
        timeout: PUBLISH_TIMEOUT_MS,
      });
    } catch (error) {
      this.stream = null;
      throw registryError('UNAVAILABLE', undefined, { cause: error });
    }
  }

  async consume<Event extends object>(
    durable: string,
    contracts: readonly EventContract<Event>[],
    handler: EventHandler<Event>,
  ): Promise<void> {
    // A consumer of several subjects needs NATS 2.10, and Debian has 2.9: one durable consumer for each subject.
    for (const { subject } of contracts) {
      const name = this.link.nameOf(`${durable}-${subject.replaceAll('.', '-')}`);
      void this.consumeForever(name, this.link.nameOf(subject), (message) => handler(message.json<Event>()));
    }
  }

  async ready(): Promise<void> {
    if (!this.link.isUp) throw registryError('UNAVAILABLE', undefined, { cause: 'the bus is not connected' });
    await this.manager();
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.open].map((messages) => messages.close()));
    // NATS must know before the connection goes: what it still hands to this process comes again after ACK_WAIT only.
    const told = this.link.isUp ? this.link.connection.flush().catch(() => undefined) : undefined;
    await Promise.race([told, delay(RETRY_MS, undefined, { ref: false })]);
    await this.link.close();
  }

  /** A stream that was lost (a server without its disk) is made again: what failed is not remembered. */
  private manager(): Promise<JetStreamManager> {
    this.stream ??= this.ensureStream().catch((error: unknown) => {
      this.stream = null;
      // The cause of that one says only that nobody answered.
      const cause = (error as Error).name === 'JetStreamNotEnabled' ? 'NATS has no JetStream' : error;
      throw registryError('UNAVAILABLE', undefined, { cause });
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

  private async consumeForever(durable: string, subject: string, handle: (message: JsMsg) => Promise<void>) {
    let failing = false;
    while (!this.closed) {
      try {
        await this.consumeOnce(durable, subject, handle, () => (failing = false));
      } catch (error) {
        this.stream = null;
        if (!failing && !this.closed) {
          this.logger.warn({ msg: 'events cannot be consumed, trying again', durable, err: error });
        }
        failing = true;
      }
      if (!this.closed) await delay(RETRY_MS);
    }
  }

  private async consumeOnce(
    durable: string,
    subject: string,
    handle: (message: JsMsg) => Promise<void>,
    onConsuming: () => void,
  ) {
    const manager = await this.manager();
    await manager.consumers.add(this.settings.stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_NS,
      max_ack_pending: MAX_ACK_PENDING,
      filter_subject: subject,
    });
    const consumer = await this.client.consumers.get(this.settings.stream, durable);
    const messages = await consumer.consume({ max_messages: MAX_ACK_PENDING, abort_on_missing_resource: true });
    this.open.add(messages);
    onConsuming();
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
