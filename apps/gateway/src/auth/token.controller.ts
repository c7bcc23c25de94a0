import { ISSUE_TOKEN, type IssuedTokenV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { formatScope, parseScopes, RegistryError, registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { All, Controller, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ClientAddress } from '../http/client-address.js';
import { answerError } from '../http/error-answer.js';
import { readBody } from '../http/read-body.js';
import { noteUser } from '../http/request-user.js';
import { RateLimits } from '../limit/rate-limits.js';
import { TOKEN_PATH } from './authorizer.js';
import { basicCredentials } from './basic-credentials.js';
import { badForm, parseTokenForm, type TokenForm } from './token-form.js';

/** Where SWR has it, for clients that were set up for that. The challenge names the short one. */
export const SWR_TOKEN_PATH = '/swr/auth/v2/registry/auth';
/** The path itself, and with a slash behind it. */
const PATHS = ['', '*'];
export const TOKEN_METHODS = ['GET', 'POST'];
const MAX_FORM_BYTES = 65_536;
const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/**
 * The token endpoint: GET by Docker's token protocol, POST by its OAuth2 one. Fewer rights than asked is no error; wrong
 * credentials are 401. Spec: Docker token authentication.
 */
@Controller([TOKEN_PATH, SWR_TOKEN_PATH])
export class TokenController {
  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly limits: RateLimits,
    private readonly addresses: ClientAddress,
  ) {}

  @All(PATHS)
  async handle(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    if (request.method === 'GET') return this.byQuery(request, reply);
    if (request.method === 'POST') return this.byForm(request, reply);
    await answerError(reply, registryError('UNSUPPORTED', undefined, { headers: { allow: TOKEN_METHODS.join(', ') } }));
  }

  private async byQuery(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      nothingBehind(request);
      const query = new URL(request.raw.url ?? '', 'http://any').searchParams;
      const scopes = parseScopes(query.getAll('scope'));
      const credentials = basicCredentials(request.headers.authorization);
      const offline = credentials !== null && query.get('offline_token') === 'true';
      const issued = await this.issue(request, { ...credentials, scopes, ...(offline && { offline }) });
      await reply.header('cache-control', 'no-store').send({ token: issued.token, ...answer(issued) });
    } catch (error) {
      await this.refuse(reply, error);
    }
  }

  private async byForm(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      nothingBehind(request);
      const issued = await this.issue(request, parseTokenForm(await formOf(request)));
      const scope = issued.access.map(formatScope).join(' ');
      reply.header('cache-control', 'no-store');
      await reply.send({ ...answer(issued), token: issued.token, token_type: 'Bearer', scope });
    } catch (error) {
      await this.refuse(reply, error, oauthError(error));
    }
  }

  /** Counts for whom the token is; where the credentials are wrong, or there are none, for the address. */
  private async issue({ raw }: FastifyRequest, asked: TokenForm): Promise<IssuedTokenV1> {
    this.limits.refuseGuesses(raw);
    const address = this.addresses.clientOf(raw);
    const issued = await this.bus.request(ISSUE_TOKEN, { ...asked, address }).catch((error: unknown) => {
      if (error instanceof RegistryError && error.status === 401) this.limits.countCaller(raw, undefined);
      throw error;
    });
    noteUser(raw, issued.userId, undefined);
    this.limits.countCaller(raw, issued.userId);
    return issued;
  }

  /** The status says that credentials are wrong, and the header which ones are taken: RFC 9110 section 15.5.2. */
  private async refuse(reply: FastifyReply, error: unknown, besides: object = {}): Promise<void> {
    if (error instanceof RegistryError && error.status === 401) {
      reply.header('www-authenticate', `Basic realm="${this.settings.tokenService}", charset="UTF-8"`);
    }
    await answerError(reply, error, besides);
  }
}

function nothingBehind({ params }: FastifyRequest): void {
  if ((params as { '*'?: string })['*']) {
    throw registryError('NAME_UNKNOWN', undefined, { message: 'there is nothing at this path' });
  }
}

const answer = ({ token, expiresIn, issuedAt, refreshToken }: IssuedTokenV1) => ({
  access_token: token,
  expires_in: expiresIn,
  issued_at: issuedAt,
  ...(refreshToken !== undefined && { refresh_token: refreshToken }),
});

async function formOf({ headers, raw }: FastifyRequest): Promise<string> {
  if (!FORM.test(headers['content-type'] ?? '')) {
    throw badForm('invalid_request', 'the body must be application/x-www-form-urlencoded', 415);
  }
  const tooLarge = (limit: number) => badForm('invalid_request', `the form is larger than ${limit} bytes`, 413);
  return (await readBody(raw, MAX_FORM_BYTES, tooLarge)).toString('utf8');
}

/** The body of RFC 6749 section 5.2, which OAuth2 clients read; it stands beside the registry's own. */
function oauthError(error: unknown): { error: string; error_description?: string } {
  if (!(error instanceof RegistryError) || error.status >= 500) return { error: 'server_error' };
  const { detail, message, status } = error;
  const named = (detail as { error?: string } | undefined)?.error;
  return { error: named ?? (status === 401 ? 'invalid_grant' : 'invalid_request'), error_description: message };
}
