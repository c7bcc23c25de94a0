import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Reader } from '@berth/contracts';
import type { Caller } from '../auth/caller.js';
import type { PathName } from './route-grammar.js';

/** A request to one repository, authorised, as the handlers of the registry get it. */
export interface RegistryRequest {
  name: PathName;
  caller: Caller;
  query: URLSearchParams;
  raw: IncomingMessage;
  reply: FastifyReply;
}

/** The caller, as auth is asked what they may pull. */
export const readerOf = ({ userId, everything }: Caller): Reader => ({
  ...(userId !== undefined && { userId }),
  ...(everything && { everything }),
});

export const header = (request: Pick<RegistryRequest, 'raw'>, name: string): string | undefined => {
  const value = request.raw.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

/** True where a body follows: its length is above zero, or not told in advance. */
export const hasBody = ({ raw }: RegistryRequest): boolean =>
  raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length'] ?? 0) > 0;
