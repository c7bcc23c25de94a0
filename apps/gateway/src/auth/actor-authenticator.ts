import type { IncomingMessage } from 'node:http';
import { type Actor, DECIDE_ACCESS, type DecidedAccessV1, type Identity, type SignedRequest } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, type RepositoryName } from '@berth/oci';
import { Settings } from '@berth/platform';
import { parseRequestSignature, signingDate, stringsToSign, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { ClientAddress } from '../http/client-address.js';
import { kindOfCredential, noteUser } from '../http/request-user.js';
import { RateLimits } from '../limit/rate-limits.js';
import { basicCredentials } from './basic-credentials.js';
import { BasicVerifier } from './basic-verifier.js';

/** What of a path decides on access. */
export interface AccessTarget {
  organisation?: string;
  repository?: RepositoryName;
  /** It matters whether they are an operator. */
  operator?: boolean;
}

const LONGEST_TOKEN = 4096;

/** Finds out who makes a request to the management API, by token, signature or name and password, and what they may do with its target. */
@Injectable()
export class ActorAuthenticator {
  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly limits: RateLimits,
    private readonly basics: BasicVerifier,
    private readonly addresses: ClientAddress,
  ) {}

  /** CREDENTIALS_MISSING, TOKEN_INVALID, SIGNATURE_INVALID. `bodySha256` is of the raw body, in hex. */
  async authenticate(request: IncomingMessage, bodySha256: string, target: AccessTarget): Promise<DecidedAccessV1> {
    const credentials = this.credentialsOf(request, bodySha256);
    try {
      const decided = await this.bus.request(DECIDE_ACCESS, { ...credentials, ...target });
      noteUser(request, decided.actor.userId, this.kindOf(decided.credential));
      this.limits.countCaller(request, decided.actor.userId);
      return decided;
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'UNAUTHORIZED') throw error;
      this.limits.countCaller(request, undefined);
      throw new SwrError('signed' in credentials ? 'SIGNATURE_INVALID' : 'TOKEN_INVALID');
    }
  }

  /** By HTTP Basic. CREDENTIALS_MISSING, TOKEN_INVALID. */
  async authenticateBasic(request: IncomingMessage): Promise<Actor> {
    try {
      const credentials = this.settings.open ? { everything: true } : { identity: await this.identityOf(request) };
      const { actor, credential } = await this.bus.request(DECIDE_ACCESS, credentials);
      noteUser(request, actor.userId, this.kindOf(credential));
      this.limits.countCaller(request, actor.userId);
      return actor;
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'UNAUTHORIZED') throw error;
      this.limits.countCaller(request, undefined);
      throw new SwrError('TOKEN_INVALID', 'wrong user name or password');
    }
  }

  /** Without a credential only whoever holds the operator's key is authenticated; in open mode nobody is. */
  private kindOf(credential: string | undefined) {
    if (credential !== undefined) return kindOfCredential(credential);
    return this.settings.open ? undefined : 'operator';
  }

  private async identityOf(request: IncomingMessage): Promise<Identity> {
    const credentials = basicCredentials(request.headers.authorization);
    if (credentials === null) throw new SwrError('CREDENTIALS_MISSING');
    const address = this.addresses.clientOf(request);
    const caller = await this.basics.verify(credentials, address, () => this.limits.refuseGuesses(request));
    return caller.identity!;
  }

  private credentialsOf(
    request: IncomingMessage,
    bodySha256: string,
  ): { everything: true } | { token: string } | { signed: SignedRequest } {
    if (this.settings.open) return { everything: true };
    const headers = headersOf(request);
    const token = headers['x-auth-token'];
    if (token !== undefined) return { token: possibleToken(token) };
    const { authorization } = headers;
    if (authorization === undefined) throw new SwrError('CREDENTIALS_MISSING');
    const signature = parseRequestSignature(authorization);
    const signedAt = signingDate(headers)?.getTime() ?? -1;
    if (!signature || signedAt < 0) throw new SwrError('SIGNATURE_INVALID');
    const { method = '', url: target = '' } = request;
    const candidates = stringsToSign({ method, target, headers, bodySha256 }, signature.signedHeaders);
    return { signed: { accessKey: signature.accessKey, candidates, signature: signature.signature, signedAt } };
  }
}

function possibleToken(token: string): string {
  if (token.length > LONGEST_TOKEN) throw new SwrError('TOKEN_INVALID');
  return token;
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  );
