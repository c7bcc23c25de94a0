import { createHash } from 'node:crypto';
import type { StoredUser } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { errors, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { ALGORITHM, SigningKeys } from '../key/signing-keys.js';
import { Authenticator } from '../user/authenticator.js';
import { ISSUER } from './issuer.js';

/** Not the type of a bearer token: neither is ever taken for the other. RFC 8725 section 3.11. */
const TYPE = 'refresh+jwt';

/**
 * Refresh tokens: what a client keeps instead of a password. Signed, and stored nowhere. Each is bound to the
 * password hash of its day: a new password ends them all, and so does a disabled user.
 */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly keys: SigningKeys,
    private readonly authenticator: Authenticator,
    private readonly settings: Settings,
  ) {}

  issue(user: StoredUser): Promise<string> {
    const { id, privateKey } = this.keys.signing();
    const issuedAt = Math.floor(Date.now() / 1000);
    return new SignJWT({ password: fingerprint(user) })
      .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(this.settings.tokenService)
      .setSubject(user.id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + this.settings.refreshTokenSeconds)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
  }

  /** Whose it is. UNAUTHORIZED where it is none of ours, is over, or the user has another password or is disabled. */
  async verify(token: string): Promise<StoredUser> {
    const { sub, password } = await this.payloadOf(token);
    const user = await this.authenticator.byId(sub!);
    if (fingerprint(user) !== password) throw notValid();
    return user;
  }

  private async payloadOf(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.publicKey(kid), {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.settings.tokenService,
        typ: TYPE,
        requiredClaims: ['exp', 'sub', 'password'],
      });
      return payload;
    } catch (error) {
      throw error instanceof errors.JOSEError ? notValid(error) : error;
    }
  }

  private async publicKey(kid: string | undefined) {
    const jwk = this.keys.publicKey(kid);
    if (jwk === undefined) throw new errors.JWKSNoMatchingKey();
    return importJWK(jwk, ALGORITHM);
  }
}

/** Says nothing of the hash, which has a salt of its own. */
const fingerprint = ({ passwordHash }: StoredUser): string =>
  createHash('sha256').update(passwordHash).digest().subarray(0, 16).toString('base64url');

const notValid = (cause?: unknown) =>
  registryError('UNAUTHORIZED', undefined, { cause, message: 'the refresh token is not valid' });
