import { registryError } from '@berth/oci';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { answerIamError, IamError } from '../iam/iam-error.js';
import { iamMethodsAt, iamPathOf } from '../iam/iam-paths.js';
import { answerError } from './error-answer.js';

/**
 * What fails before a handler is reached (no such path, a Content-Type that is none, a target that cannot be decoded) is
 * answered in the same dialect as everything else there, IAM's below `/v3` and else the registry's, with the status that the server chose.
 */
@Catch()
export class EnvelopeFilter implements ExceptionFilter {
  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const path = iamPathOf(reply.request.raw.url ?? '');
    await (path === null ? answerError(reply, inOurDialect(error)) : answerAsIam(reply, path, error));
  }
}

/** A path that there is, without the method, is 405. */
async function answerAsIam(reply: FastifyReply, path: string, error: unknown): Promise<void> {
  const { code, message } = failureOf(error);
  const methods = code === 404 ? iamMethodsAt(path) : [];
  if (methods.length > 0 && !methods.includes(reply.request.method)) {
    reply.header('allow', methods.join(', '));
    await answerIamError(reply, new IamError(405, `there is no ${reply.request.method} at this path`));
  } else if (code === 404) {
    await answerIamError(reply, new IamError(404, 'there is nothing at this path'));
  } else {
    await answerIamError(reply, code < 500 ? new IamError(code, message ?? 'bad request') : error);
  }
}

function inOurDialect(error: unknown): unknown {
  const { code, message } = failureOf(error);
  if (code < 400 || code >= 500) return error;
  if (code === 404) return registryError('NAME_UNKNOWN', undefined, { message: 'there is nothing at this path' });
  return registryError('UNSUPPORTED', undefined, { status: code, ...(message !== undefined && { message }) });
}

function failureOf(error: unknown): { code: number; message: string | undefined } {
  const { statusCode, status, message } = error as { statusCode?: number; status?: number; message?: string };
  return { code: statusCode ?? status ?? 500, message };
}
