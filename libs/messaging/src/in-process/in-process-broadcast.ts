import { EventEmitter } from 'node:events';
import type { BroadcastContract } from '@berth/contracts';
import { Broadcast, messageOf } from '../broadcast.js';

/** One process that tells itself: who subscribes hears it in a later turn, and gets a copy of its own. */
export class InProcessBroadcast extends Broadcast {
  private readonly subjects = new EventEmitter().setMaxListeners(0);

  publish<Message extends object>({ subject }: BroadcastContract<Message>, message: Message): void {
    const text = JSON.stringify(message);
    setImmediate(() => this.subjects.emit(subject, text));
  }

  subscribe<Message extends object>(
    contract: BroadcastContract<Message>,
    hear: (message: Message) => void,
  ): () => void {
    const listener = (text: string) => {
      const message = messageOf(contract, text);
      if (message) hear(message);
    };
    this.subjects.on(contract.subject, listener);
    return () => this.subjects.off(contract.subject, listener);
  }
}
