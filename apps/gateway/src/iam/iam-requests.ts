import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Actor } from '@berth/contracts';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { ActorAuthenticator } from '../auth/actor-authenticator.js';
import { readBody } from '../http/read-body.js';
import { IamError } from './iam-error.js';

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
}
