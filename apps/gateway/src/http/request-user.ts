import type { IncomingMessage } from 'node:http';

const users = new WeakMap<IncomingMessage, string>();

/** Says who makes a request, once that is known: its log line names the user. Undefined: nobody is logged in. */
export function noteUser(request: IncomingMessage, userId: string | undefined): void {
  if (userId !== undefined) users.set(request, userId);
}

/** The id of the user who was authenticated; undefined where nobody was. */
export const userOf = (request: IncomingMessage): string | undefined => users.get(request);
