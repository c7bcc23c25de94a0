import type { IncomingMessage } from 'node:http';
import { noteOrigin, type RequestOrigin } from '@berth/messaging';

const users = new WeakMap<IncomingMessage, string>();

/**
 * Says who makes a request, once that is known: its log line names the user, and the audit record of what it changes.
 * Undefined: nobody is logged in.
 */
export function noteUser(
  request: IncomingMessage,
  userId: string | undefined,
  credential: RequestOrigin['credential'],
): void {
  if (userId === undefined) return;
  users.set(request, userId);
  noteOrigin({ userId, ...(credential && { credential }) });
}

/** The id of the user who was authenticated; undefined where nobody was. */
export const userOf = (request: IncomingMessage): string | undefined => users.get(request);

/** What kind of credential auth means. It calls access keys by their id, and passwords by a hash. */
export const kindOfCredential = (credential: string): 'access-key' | 'password' =>
  credential.startsWith('access-key:') ? 'access-key' : 'password';
