import type { Actor } from '@berth/contracts';
import type { FastifyReply } from 'fastify';

/** A request to the management API, authenticated and authorised, as its handlers get it. */
export interface ManagementRequest {
  actor: Actor;
  query: URLSearchParams;
  /** Empty where there was none. */
  body: Buffer;
  reply: FastifyReply;
}
