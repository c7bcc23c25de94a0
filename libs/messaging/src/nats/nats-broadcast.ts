import type { BroadcastContract } from '@berth/contracts';
import { Broadcast, messageOf } from '../broadcast.js';
import type { NatsLink } from './nats-connection.js';

/** Over plain NATS, without a queue group, on the link of somebody else who closes it. */
export class NatsBroadcast extends Broadcast {
  constructor(private readonly link: NatsLink) {
    super();
  }

  publish<Message extends object>({ subject }: BroadcastContract<Message>, message: Message): void {
    // The client would keep it until the connection is back, and then it is stale.
    if (!this.link.isUp) return;
    try {
      this.link.connection.publish(this.link.nameOf(subject), JSON.stringify(message));
    } catch {
      // It closed just now: nobody is told.
    }
  }

  subscribe<Message extends object>(
    contract: BroadcastContract<Message>,
    hear: (message: Message) => void,
  ): () => void {
    const subscription = this.link.connection.subscribe(this.link.nameOf(contract.subject), {
      callback: (error, packet) => {
        const message = error ? null : messageOf(contract, packet.string());
        if (message) hear(message);
      },
    });
    return () => subscription.unsubscribe();
  }
}
