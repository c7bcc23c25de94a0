import { errorEnvelope, RegistryError } from '@berth/oci';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

const logger = new Logger('Http');
const RETRY_AFTER_SECONDS = '5';

/**
 * Answers an error in the registry's dialect. What is our fault is logged with its stack, and says nothing specific.
 * `besides` are fields that the body has as well.
 */
export async function answerError(reply: FastifyReply, error: unknown, besides: object = {}): Promise<void> {
  const known = error instanceof RegistryError ? error : new RegistryError('UNKNOWN', undefined, { cause: error });
  if (known.status >= 500) logger.error({ msg: 'request failed', err: error });
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  for (const [name, value] of Object.entries(known.headers ?? {})) reply.header(name, value);
  if (known.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  // What is left of the request's body would stand before the next request of this connection.
  reply.request.raw.resume();
  const body = JSON.stringify({ ...besides, ...errorEnvelope(known) });
  reply.status(known.status).type('application/json').header('content-length', Buffer.byteLength(body));
  await reply.send(reply.request.method === 'HEAD' ? undefined : body);
}
