import type { IncomingMessage } from 'node:http';
import { formatScope, RegistryError, registryError, type Scope } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { RateLimits } from '../limit/rate-limits.js';
import { PublicUrl } from '../http/public-url.js';
import { type Action, ANYBODY, type Caller, NOBODY } from './caller.js';
import { TokenVerifier } from './token-verifier.js';
import type { PathName } from '../registry/route-grammar.js';

export const TOKEN_PATH = '/auth/token';
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Decides whether a request may go on: by its token alone, without asking another service. */
@Injectable()
export class Authorizer {
  constructor(
    private readonly tokens: TokenVerifier,
    private readonly publicUrl: PublicUrl,
    private readonly settings: Settings,
    private readonly limits: RateLimits,
  ) {}

  /** For `/v2/`: any valid token will do. Without one: 401 with the challenge. */
  async authenticate(request: IncomingMessage): Promise<Caller> {
    const caller = await this.callerOf(request, []);
    if (caller === NOBODY) throw this.challenge(request, []);
    return caller;
  }

  /** The caller, who has the action's right on the repository: else 401 with the challenge, or 403 where a user lacks it. */
  async authorize(request: IncomingMessage, name: PathName, actions: Action[]): Promise<Caller> {
    const scopes = [{ type: 'repository', name: name.spelled, actions: asked(actions) }];
    const caller = await this.callerOf(request, scopes);
    if (actions.every((action) => caller.may(action, name.repository))) return caller;
    if (actions.some((action) => caller.wasRefused(action, name.repository))) throw registryError('DENIED', scopes);
    throw this.challenge(request, scopes, caller === NOBODY ? undefined : 'insufficient_scope');
  }

  private async callerOf(request: IncomingMessage, scopes: Scope[]): Promise<Caller> {
    const caller = await this.identify(request, scopes);
    this.limits.countCaller(request, caller.userId);
    return caller;
  }

  private async identify(request: IncomingMessage, scopes: Scope[]): Promise<Caller> {
    if (this.settings.open) return ANYBODY;
    const authorization = request.headers.authorization;
    if (authorization === undefined) return NOBODY;
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw this.challenge(request, scopes, 'invalid_token');
    try {
      return await this.tokens.verify(token);
    } catch (error) {
      if (error instanceof RegistryError && error.status === 401)
        throw this.challenge(request, scopes, 'invalid_token');
      throw error;
    }
  }

  /** Spec: Docker token authentication; RFC 6750 section 3. */
  private challenge(request: IncomingMessage, scopes: Scope[], error?: string): RegistryError {
    const fields = [
      `realm="${this.publicUrl.absolute(request, TOKEN_PATH)}"`,
      `service="${this.settings.tokenService}"`,
      ...(scopes.length > 0 ? [`scope="${scopes.map(formatScope).join(' ')}"`] : []),
      ...(error ? [`error="${error}"`] : []),
    ];
    const headers = { 'www-authenticate': `Bearer ${fields.join(',')}` };
    return registryError('UNAUTHORIZED', scopes.length > 0 ? scopes : undefined, { headers });
  }
}

/** Who pushes also reads (HEAD before an upload): one token for both, as the reference registry asks for it. */
const asked = (actions: Action[]): Action[] =>
  actions.includes('push') ? [...new Set<Action>(['pull', ...actions])] : actions;
