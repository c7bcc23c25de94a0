import type { IncomingMessage } from 'node:http';
import { AUTHORIZE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { formatScope, RegistryError, registryError, type Scope } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { RateLimits } from '../limit/rate-limits.js';
import { ClientAddress } from '../http/client-address.js';
import { PublicUrl } from '../http/public-url.js';
import { kindOfCredential, noteUser } from '../http/request-user.js';
import { basicCredentials } from './basic-credentials.js';
import { BasicVerifier } from './basic-verifier.js';
import { type Action, ANYBODY, type Caller, NOBODY } from './caller.js';
import { TokenVerifier } from './token-verifier.js';
import type { PathName } from '../registry/route-grammar.js';

export const TOKEN_PATH = '/auth/token';
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const BASIC = /^Basic +/i;
const CATALOG: Scope = { type: 'registry', name: 'catalog', actions: ['*'] };

export interface AuthorizeOptions {
  /** What a token should be asked for besides, where there is none. */
  besides?: Scope[];
  /** A token that is over is taken for what had started before, where its user still has the right. */
  overToo?: boolean;
}

/**
 * Decides whether a request may go on: by its token alone while nothing of it has changed, by Basic credentials that auth
 * has verified, or by a token that is over and a right that auth says is still there.
 */
@Injectable()
export class Authorizer {
  constructor(
    private readonly bus: MessageBus,
    private readonly tokens: TokenVerifier,
    private readonly basics: BasicVerifier,
    private readonly publicUrl: PublicUrl,
    private readonly settings: Settings,
    private readonly limits: RateLimits,
    private readonly addresses: ClientAddress,
  ) {}

  /** For `/v2/`: any valid credentials will do. Without: 401 with the challenge. */
  async authenticate(request: IncomingMessage): Promise<Caller> {
    const caller = await this.callerOf(request, []);
    if (caller === NOBODY) throw this.challenge(request, []);
    return caller;
  }

  /** For the catalog: anybody who asks, anonymous with a token of theirs. What they see is another question. */
  async authorizeCatalog(request: IncomingMessage): Promise<Caller> {
    const caller = await this.callerOf(request, [CATALOG]);
    if (caller.mayList) return caller;
    throw this.challenge(request, [CATALOG], caller === NOBODY ? {} : { error: 'insufficient_scope' });
  }

  /** The caller, who has the action's right on the repository: else 401 with the challenge, or 403 where a user lacks it. */
  async authorize(
    request: IncomingMessage,
    name: PathName,
    actions: Action[],
    { besides = [], overToo = false }: AuthorizeOptions = {},
  ): Promise<Caller> {
    const own = { type: 'repository', name: name.spelled, actions: asked(actions) };
    const scopes = [own, ...besides];
    const caller = await this.callerOf(request, scopes, overToo);
    const ask = (right: 'may' | 'wasRefused') =>
      Promise.all(actions.map((action) => caller[right](action, name.repository)));
    try {
      if ((await ask('may')).every(Boolean)) {
        if (caller.startedBy !== undefined) await this.askStill(caller, { ...own, actions });
        return caller;
      }
      if ((await ask('wasRefused')).some(Boolean)) throw registryError('DENIED', [own]);
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      throw this.challenge(request, scopes, isBasic(request) ? {} : { error: 'invalid_token' });
    }
    throw this.challenge(request, scopes, caller === NOBODY ? {} : { error: 'insufficient_scope' });
  }

  /**
   * What a token that is over allowed is asked for again: UNAUTHORIZED where its user is disabled or its credential not
   * good any more, DENIED where the right is gone, UNAVAILABLE while auth is away. An anonymous one is over for good.
   */
  private async askStill({ identity }: Caller, needed: Scope): Promise<void> {
    if (identity === undefined) throw registryError('UNAUTHORIZED');
    const { refused } = await this.bus.request(AUTHORIZE, { identity, scopes: [needed] });
    if (refused.length > 0) throw registryError('DENIED', [needed]);
  }

  private async callerOf(request: IncomingMessage, scopes: Scope[], overToo = false): Promise<Caller> {
    const caller = await this.identify(request, scopes, overToo).catch((error: unknown) => {
      // Whoever gives wrong credentials is nobody, and counts as that.
      if (isUnauthorized(error)) this.limits.countCaller(request, undefined);
      throw error;
    });
    const { identity } = caller;
    noteUser(request, caller.userId, identity && kindOfCredential(identity.credential));
    this.limits.countCaller(request, caller.userId);
    return caller;
  }

  private async identify(request: IncomingMessage, scopes: Scope[], overToo: boolean): Promise<Caller> {
    if (this.settings.open) return ANYBODY;
    const { authorization } = request.headers;
    if (authorization === undefined) return NOBODY;
    try {
      if (isBasic(request)) {
        const refuseGuesses = () => this.limits.refuseGuesses(request);
        const address = this.addresses.clientOf(request);
        return await this.basics.verify(basicCredentials(authorization)!, address, refuseGuesses);
      }
      return await this.tokens.verify(BEARER.exec(authorization)?.[1] ?? '', { overToo });
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      const why = isBasic(request) ? { message: error.message } : { error: 'invalid_token' };
      throw this.challenge(request, scopes, why);
    }
  }

  /** Spec: Docker token authentication; RFC 6750 section 3. */
  private challenge(
    request: IncomingMessage,
    scopes: Scope[],
    { error, message }: { error?: string; message?: string } = {},
  ): RegistryError {
    const fields = [
      `realm="${this.publicUrl.absolute(request, TOKEN_PATH)}"`,
      `service="${this.settings.tokenService}"`,
      ...(scopes.length > 0 ? [`scope="${scopes.map(formatScope).join(' ')}"`] : []),
      ...(error ? [`error="${error}"`] : []),
    ];
    return registryError('UNAUTHORIZED', scopes.length > 0 ? scopes : undefined, {
      headers: { 'www-authenticate': `Bearer ${fields.join(',')}` },
      ...(message !== undefined && { message }),
    });
  }
}

const isBasic = ({ headers }: IncomingMessage): boolean => BASIC.test(headers.authorization ?? '');

const isUnauthorized = (error: unknown): error is RegistryError =>
  error instanceof RegistryError && error.status === 401;

/** Who pushes also reads (HEAD before an upload): one token for both, as the reference registry asks for it. */
const asked = (actions: Action[]): Action[] =>
  actions.includes('push') ? [...new Set<Action>(['pull', ...actions])] : actions;
