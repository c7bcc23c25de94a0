import { ISSUE_TOKEN } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { parseScopes } from '@berth/oci';
import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerError } from '../http/error-answer.js';
import { TOKEN_PATH } from './authorizer.js';
import { basicCredentials } from './basic-credentials.js';

/** The token endpoint. Fewer rights than asked is no error; wrong credentials are 401. Spec: Docker token authentication. */
@Controller(TOKEN_PATH)
export class TokenController {
  constructor(private readonly bus: MessageBus) {}

  @Get()
  async issue(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    try {
      const query = new URL(request.raw.url ?? '', 'http://any').searchParams;
      const scopes = parseScopes(query.getAll('scope'));
      const credentials = basicCredentials(request.headers.authorization) ?? {};
      const { token, expiresIn, issuedAt } = await this.bus.request(ISSUE_TOKEN, { ...credentials, scopes });
      reply.header('cache-control', 'no-store');
      await reply.send({ token, access_token: token, expires_in: expiresIn, issued_at: issuedAt });
    } catch (error) {
      await answerError(reply, error);
    }
  }
}
