// The decorators of class-transformer need it, whichever message is imported first.
import 'reflect-metadata';

/** A class whose fields carry class-validator decorators: the shape of a message and its validation at once. */
export type MessageClass<T extends object> = new () => T;

/**
 * A question or command from one service to another, answered by one replica of its owner. A change of shape is a new
 * contract with the next version in its subject.
 */
export interface RequestContract<Request extends object, Reply> {
  readonly subject: string;
  readonly request: MessageClass<Request>;
  /** How long the asker waits before the answer is UNAVAILABLE. */
  readonly timeoutMs: number;
  /** Carries the reply's type; never set. */
  readonly reply?: Reply;
}

/** A fact, published after the transaction that made it true. Delivered at least once, possibly late. */
export interface EventContract<Event extends object> {
  readonly subject: string;
  readonly event: MessageClass<Event>;
}

/** What the replicas of a service tell each other: heard by all that listen now, lost where nobody does. */
export interface BroadcastContract<Message extends object> {
  readonly subject: string;
  readonly message: MessageClass<Message>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

export function defineRequest<Request extends object, Reply>(
  subject: string,
  request: MessageClass<Request>,
  options: { timeoutMs?: number } = {},
): RequestContract<Request, Reply> {
  return { subject, request, timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS };
}

export function defineEvent<Event extends object>(subject: string, event: MessageClass<Event>): EventContract<Event> {
  return { subject, event };
}

export function defineBroadcast<Message extends object>(
  subject: string,
  message: MessageClass<Message>,
): BroadcastContract<Message> {
  return { subject, message };
}
