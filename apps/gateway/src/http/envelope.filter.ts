import { registryError } from '@berth/oci';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { answerError } from './error-answer.js';

/**
 * What fails before a handler is reached (no such path, a Content-Type that is none, a target that cannot be decoded) is
 * answered in the same dialect as everything else, with the status that the server chose.
 */
@Catch()
export class EnvelopeFilter implements ExceptionFilter {
  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    await answerError(host.switchToHttp().getResponse<FastifyReply>(), inOurDialect(error));
  }
}

function inOurDialect(error: unknown): unknown {
  const { statusCode, status, message } = error as { statusCode?: number; status?: number; message?: string };
  const code = statusCode ?? status ?? 500;
  if (code < 400 || code >= 500) return error;
  if (code === 404) return registryError('NAME_UNKNOWN', undefined, { message: 'there is nothing at this path' });
  return registryError('UNSUPPORTED', undefined, { status: code, ...(message !== undefined && { message }) });
}
