import { LIST_SIGNING_KEYS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, registryError, type Scope } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { bearer, type Caller } from './caller.js';

const ISSUER = 'berth';
const ALGORITHMS = ['EdDSA'];
const CLOCK_SKEW_SECONDS = 30;
/** How long a token that is over goes on serving the uploads that were started with it. */
const OVER_SECONDS = 86_400;
const TOKENS_REMEMBERED = 10_000;
const KEYS_AGAIN_MS = 5_000;
const KEYS_FRESH_MS = 300_000;

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * Verifies tokens with auth's public keys, which are fetched once, every few minutes, and when a token names one that is
 * not known. The keys at hand serve on until others are there: only a token that names another key waits for auth.
 */
@Injectable()
export class TokenVerifier {
  private readonly verified = new LRUCache<string, { caller: Caller; expires: number }>({ max: TOKENS_REMEMBERED });
  private keys: { set: Promise<KeySet>; fetched: number } | null = null;
  private lastKeys: KeySet | null = null;

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
  ) {}

  /**
   * UNAUTHORIZED where the token is not one of ours, or not valid now; UNAVAILABLE where the keys cannot be had. With
   * `overToo` a token that ended within a day will do, and the caller says when it ended.
   */
  async verify(token: string, { overToo = false } = {}): Promise<Caller> {
    const known = this.verified.get(token);
    if (known && known.expires > Date.now()) return known.caller;
    const payload = await this.payloadOf(token, overToo);
    const end = payload.exp! + CLOCK_SKEW_SECONDS;
    const isOver = end * 1000 <= Date.now();
    const [access, refused] = [scopesOf(payload, 'access'), scopesOf(payload, 'refused')];
    const caller = bearer(payload.sub || undefined, access, refused, isOver ? end : undefined);
    if (!isOver) this.verified.set(token, { caller, expires: end * 1000 });
    return caller;
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

const scopesOf = (payload: JWTPayload, claim: 'access' | 'refused'): Scope[] =>
  (payload[claim] as Scope[] | undefined) ?? [];

function refusal(error: unknown): unknown {
  if (error instanceof RegistryError || !(error instanceof errors.JOSEError)) return error;
  return registryError('UNAUTHORIZED', undefined, { cause: error });
}
