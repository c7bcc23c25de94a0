import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Actor } from '@berth/contracts';
import { parseWireId, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ActorAuthenticator } from '../auth/actor-authenticator.js';
import { readBody } from '../http/read-body.js';
import { answerIamError, IamError } from './iam-error.js';

const LARGEST_BODY = 64 * 1024;

/** Requests to `/v3`: their bodies, bounded, and who makes them. */
@Injectable()
export class IamRequests {
  constructor(private readonly actors: ActorAuthenticator) {}

  bodyOf(request: IncomingMessage): Promise<Buffer> {
    return readBody(request, LARGEST_BODY, (limit) => new IamError(413, `the body is larger than ${limit} bytes`));
  }

  /** SDKs send a body with a GET, and sign it. 401 where the credentials are missing, or are not valid now. */
  async authenticated(request: IncomingMessage): Promise<{ actor: Actor; body: Buffer }> {
    const body = await this.bodyOf(request);
    try {
      const { actor } = await this.actors.authenticate(request, createHash('sha256').update(body).digest('hex'), {});
      return { actor, body };
    } catch (error) {
      throw error instanceof SwrError ? new IamError(401, error.message) : error;
    }
  }

  /** Does what an authenticated actor asks, and answers in this dialect what goes wrong. */
  async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (actor: Actor, body: Buffer) => Promise<void>,
  ): Promise<void> {
    try {
      const { actor, body } = await this.authenticated(request.raw);
      await work(actor, body);
    } catch (error) {
      await answerIamError(reply, error);
    }
  }
}

/** The id in a path. 404 where it is none: there is nothing of that name. */
export function idInPath(request: FastifyRequest, parameter: string, what: 'account' | 'user'): string {
  const id = parseWireId((request.params as Record<string, string>)[parameter] ?? '');
  if (id === null) throw new IamError(404, `there is no such ${what}`);
  return id;
}
