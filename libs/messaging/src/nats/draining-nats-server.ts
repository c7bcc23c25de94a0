import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { setTimeout as delay } from 'node:timers/promises';
import { type CustomTransportStrategy, type NatsContext, ServerNats, type WritePacket } from '@nestjs/microservices';
import { connectionOptions, nameIn, type NatsSettings } from './nats-connection.js';

const POLL_MS = 20;

/** Private to Nest's class, and without a public way to leave the queue group and stay connected. */
interface ServerState {
  natsClient: NatsConnection | null;
  subscriptions: Subscription[];
}

/**
 * Nest's NATS server, in the queue group of its service, that finishes what it has begun before it closes: it leaves
 * the group first, so that new requests go to other replicas, and then waits for its own to be answered.
 */
export class DrainingNatsServer extends ServerNats implements CustomTransportStrategy {
  private inFlight = 0;
  private left: Promise<unknown> | null = null;

  constructor(
    private readonly settings: NatsSettings,
    queue: string,
    private readonly drainMs: number,
  ) {
    super({ ...connectionOptions(settings), queue: nameIn(settings, queue) });
  }

  /** Has started when NATS hands requests to it: until then nobody may rely on it. */
  override start(callback: (error?: unknown) => void): void {
    super.start(() => {
      this.unwrap<NatsConnection>()
        .flush()
        .then(() => callback(), callback);
    });
  }

  /** Nest knows the handlers by the names of the contracts, and NATS the subjects by those of the installation. */
  override bindEvents(client: Pick<NatsConnection, 'subscribe'>): void {
    super.bindEvents({
      subscribe: (subject: string, options: object) => client.subscribe(nameIn(this.settings, subject), options),
    });
  }

  /**
   * Resolves when NATS answers on the connection over which questions come, which is not the one over which the process asks;
   * not while that is down.
   */
  ready(): Promise<void> {
    return this.unwrap<NatsConnection>().flush();
  }

  /** From now on requests go to other replicas. What NATS has handed to this one is answered. */
  leave(): Promise<unknown> {
    const { subscriptions } = this as unknown as ServerState;
    // Not unsubscribe: it drops what NATS has handed to this replica already, and the asker waits for it in vain.
    this.left ??= Promise.allSettled(subscriptions.map((subscription) => subscription.drain()));
    return this.left;
  }

  override getPublisher(message: unknown, id: string, context: NatsContext): (response: WritePacket) => void {
    const publish = super.getPublisher(message, id, context) as (response: WritePacket) => void;
    this.inFlight++;
    let open = true;
    return (response) => {
      if (open && (response.isDisposed === true || response.err !== undefined)) {
        open = false;
        this.inFlight--;
      }
      return publish(response);
    };
  }

  override async close(): Promise<void> {
    const { natsClient } = this as unknown as ServerState;
    const deadline = Date.now() + this.drainMs;
    await Promise.race([this.leave(), delay(this.drainMs, undefined, { ref: false })]);
    // A request counts as in flight one turn after it was handed over.
    do await delay(POLL_MS);
    while (this.inFlight > 0 && Date.now() < deadline);
    const rest = Math.max(POLL_MS, deadline - Date.now());
    await Promise.race([natsClient?.flush().catch(() => undefined), delay(rest, undefined, { ref: false })]);
    await super.close();
  }
}
