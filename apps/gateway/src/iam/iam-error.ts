import { RegistryError } from '@berth/oci';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

const logger = new Logger('Http');
const RETRY_AFTER_SECONDS = '5';
const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** An error of `/v3`, in the form of Keystone, which IAM clients read. */
export class IamError extends Error {
  constructor(
    readonly status: keyof typeof TITLES,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Answers `{"error":{"code","message","title"}}`. What is our fault is logged, and says nothing specific. */
export async function answerIamError(reply: FastifyReply, error: unknown): Promise<void> {
  const known = asIamError(error);
  const status = Number(known.status);
  if (status >= 500) logger.error({ msg: 'request failed', err: error });
  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  if (error instanceof RegistryError && error.headers) reply.headers(error.headers);
  // What is left of the request's body would stand before the next request of this connection.
  reply.request.raw.resume();
  await reply.status(status).send({ error: { code: status, message: known.message, title: TITLES[status] } });
}

function asIamError(error: unknown): IamError {
  if (error instanceof IamError) return error;
  if (!(error instanceof RegistryError)) return new IamError(500, 'internal error');
  if (error.code === 'UNAUTHORIZED') return new IamError(401, 'The username or password is wrong.');
  if (error.code === 'UNAVAILABLE') return new IamError(503, 'service unavailable');
  if (error.status >= 500) return new IamError(500, 'internal error');
  return new IamError(error.status in TITLES ? error.status : 400, error.message);
}
