import { type Identity, LIST_SIGNING_KEYS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, registryError, type RepositoryName, type Scope } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { AccessChanges, repositorySubjects, userSubject } from './access-changes.js';
import { bearer, type Caller } from './caller.js';
import { CurrentAccess } from './current-access.js';

const ISSUER = 'berth';
const ALGORITHMS = ['EdDSA'];
const CLOCK_SKEW_SECONDS = 30;
/** How long a token that is over goes on serving the uploads that were started with it. */
const OVER_SECONDS = 86_400;
const TOKENS_REMEMBERED = 10_000;
const KEYS_AGAIN_MS = 5_000;
const KEYS_FRESH_MS = 300_000;

type KeySet = ReturnType<typeof createLocalJWKSet>;

interface VerifiedToken {
  caller: Caller;
  /** In seconds since 1970. */
  issuedAt: number;
  /** In milliseconds. */
  expires: number;
}

/**
 * Verifies tokens with auth's public keys, which are fetched once, every few minutes, and when a token names one that is
 * not known. The keys at hand serve on until others are there: only a token that names another key waits for auth. Where
 * something has changed since a token was issued, auth is asked what of it still holds.
 */
@Injectable()
export class TokenVerifier {
  private readonly verified = new LRUCache<string, VerifiedToken>({ max: TOKENS_REMEMBERED });
  private keys: { set: Promise<KeySet>; fetched: number } | null = null;
  private lastKeys: KeySet | null = null;

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly changes: AccessChanges,
    private readonly access: CurrentAccess,
  ) {}

  /**
   * UNAUTHORIZED where the token is not one of ours, or not valid now, or its user is disabled or its credential not good
   * any more; UNAVAILABLE where the keys cannot be had, or the user changed and auth is away. With `overToo` a token that
   * ended within a day will do, and the caller says when it ended: what it may do still, is to be asked.
   */
  async verify(token: string, { overToo = false } = {}): Promise<Caller> {
    const known = this.verified.get(token);
    const isKnown = known !== undefined && known.expires > Date.now();
    const { caller, issuedAt } = isKnown ? known : await this.read(token, overToo);
    const { identity, startedBy } = caller;
    if (identity && startedBy === undefined && this.hasChanged(issuedAt, [userSubject(identity.userId)])) {
      await this.access.confirm(identity, memoryOf(identity));
    }
    return caller;
  }

  private async read(token: string, overToo: boolean): Promise<VerifiedToken> {
    const payload = await this.payloadOf(token, overToo);
    const end = payload.exp! + CLOCK_SKEW_SECONDS;
    const isOver = end * 1000 <= Date.now();
    const [access, refused] = [scopesOf(payload, 'access'), scopesOf(payload, 'refused')];
    const identity = identityOf(payload);
    const issuedAt = payload.iat ?? 0;
    const rightsNow = async (repository: RepositoryName) => {
      const subjects = [...(identity ? [userSubject(identity.userId)] : []), ...repositorySubjects(repository)];
      if (!this.hasChanged(issuedAt, subjects)) return null;
      return this.access.actions(identity, repository, memoryOf(identity));
    };
    const caller = bearer(identity, access, refused, isOver ? { startedBy: end } : { rightsNow });
    const verified = { caller, issuedAt, expires: end * 1000 };
    if (!isOver) this.verified.set(token, verified);
    return verified;
  }

  private hasChanged(issuedAt: number, subjects: string[]): boolean {
    return this.changes.mayHaveChangedSince(issuedAt, subjects);
  }

  private async payloadOf(token: string, overToo: boolean): Promise<JWTPayload> {
    const check = overToo ? this.checkOver.bind(this) : this.check.bind(this);
    try {
      return await check(token, await this.keysAtHand());
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw refusal(error);
    }
    try {
      return await check(token, await this.keySet(KEYS_AGAIN_MS));
    } catch (error) {
      throw refusal(error);
    }
  }

  /** As `check`, at the last second of a token that ended within a day. */
  private async checkOver(token: string, keys: KeySet): Promise<JWTPayload> {
    try {
      return await this.check(token, keys);
    } catch (error) {
      if (!(error instanceof errors.JWTExpired)) throw error;
      const { exp } = error.payload as { exp: number };
      if (exp + OVER_SECONDS <= Date.now() / 1000) throw error;
      return this.check(token, keys, new Date((exp - 1) * 1000));
    }
  }

  private async check(token: string, keys: KeySet, currentDate = new Date()): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer: ISSUER,
      audience: this.settings.tokenService,
      typ: 'JWT',
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate,
      requiredClaims: ['exp', 'sub'],
    });
    return payload;
  }

  private async keysAtHand(): Promise<KeySet> {
    const asked = this.keySet(KEYS_FRESH_MS);
    return this.lastKeys ?? asked;
  }

  private keySet(maxAgeMs: number): Promise<KeySet> {
    if (!this.keys || Date.now() - this.keys.fetched > maxAgeMs) {
      const set = this.bus
        .request(LIST_SIGNING_KEYS, {})
        .then(({ keys }) => (this.lastKeys = createLocalJWKSet({ keys })));
      set.catch(() => {
        this.keys = this.lastKeys && { set: Promise.resolve(this.lastKeys), fetched: Date.now() };
      });
      this.keys = { set, fetched: Date.now() };
    }
    return this.keys.set;
  }
}

/** Undefined is anonymous. A token without a credential has one that is never good once auth is asked. */
const identityOf = ({ sub, credential }: JWTPayload): Identity | undefined =>
  sub ? { userId: sub, credential: typeof credential === 'string' ? credential : '' } : undefined;

/** The tokens of one credential share what auth says of it. */
const memoryOf = (identity: Identity | undefined): string =>
  identity ? `${identity.userId} ${identity.credential}` : 'anonymous';

const scopesOf = (payload: JWTPayload, claim: 'access' | 'refused'): Scope[] =>
  (payload[claim] as Scope[] | undefined) ?? [];

function refusal(error: unknown): unknown {
  if (error instanceof RegistryError || !(error instanceof errors.JOSEError)) return error;
  return registryError('UNAUTHORIZED', undefined, { cause: error });
}
