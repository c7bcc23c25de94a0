import type { BroadcastContract } from '@berth/contracts';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';

/**
 * What the replicas of a service tell each other. Every subscriber in every process hears it, the publisher's own too; at
 * most once, and not at all while the bus is away. Publishing neither waits nor fails.
 */
export abstract class Broadcast {
  abstract publish<Message extends object>(contract: BroadcastContract<Message>, message: NoInfer<Message>): void;

  /** What is malformed is not heard. Gives the function that ends it. */
  abstract subscribe<Message extends object>(
    contract: BroadcastContract<Message>,
    hear: (message: Message) => void,
  ): () => void;
}

/** The message of a text; null where that is none of the contract. */
export function messageOf<Message extends object>(contract: BroadcastContract<Message>, text: string): Message | null {
  try {
    const message = plainToInstance(contract.message, JSON.parse(text) as object);
    return validateSync(message, { whitelist: true, forbidNonWhitelisted: true }).length === 0 ? message : null;
  } catch {
    return null;
  }
}
