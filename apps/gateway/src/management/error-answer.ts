import { RegistryError } from '@berth/oci';
import { SwrError, swrErrorBody } from '@berth/swr';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

const logger = new Logger('Http');
const RETRY_AFTER_SECONDS = '5';

/** Answers an error in the management API's dialect. What is our fault is logged, and says nothing specific. */
export async function answerSwrError(reply: FastifyReply, error: unknown): Promise<void> {
  const known = asSwrError(error);
  if (known.status >= 500) logger.error({ msg: 'request failed', err: error });
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  if (error instanceof RegistryError && error.headers) reply.headers(error.headers);
  if (known.status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  // What is left of the request's body would stand before the next request of this connection.
  reply.request.raw.resume();
  await reply.status(known.status).send(swrErrorBody(known));
}

function asSwrError(error: unknown): SwrError {
  if (error instanceof SwrError) return error;
  if (!(error instanceof RegistryError)) return new SwrError('INTERNAL');
  if (error.code === 'UNAVAILABLE') return new SwrError('UNAVAILABLE');
  if (error.code === 'TOOMANYREQUESTS') return new SwrError('THROTTLED');
  if (error.code === 'SIZE_INVALID') return new SwrError('BODY_MALFORMED', error.message);
  return new SwrError('INTERNAL');
}
