import type { Identity } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { errors, importJWK, jwtVerify, SignJWT } from 'jose';
import { ALGORITHM, SigningKeys } from '../key/signing-keys.js';
import { ISSUER } from './issuer.js';

/** What kinds of tokens there are. None is ever taken for another. RFC 8725 section 3.11. */
export type TokenType = 'refresh+jwt' | 'iam+jwt';

/** Tokens that auth signs and verifies itself. Bearer tokens are not among them: gateways verify those. */
@Injectable()
export class SignedTokens {
  constructor(
    private readonly keys: SigningKeys,
    private readonly settings: Settings,
  ) {}

  /** `issuedAt` in seconds since 1970. */
  sign(
    type: TokenType,
    userId: string,
    claims: { credential: string; project?: string },
    { issuedAt, lifeSeconds }: { issuedAt: number; lifeSeconds: number },
  ): Promise<string> {
    const { id, privateKey } = this.keys.signing();
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: type })
      .setIssuer(ISSUER)
      .setAudience(this.settings.tokenService)
      .setSubject(userId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifeSeconds)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
  }

  /** Whose it says it is. UNAUTHORIZED with `message` where it is none of ours, or is over. */
  async verify(type: TokenType, token: string, message: string): Promise<Identity> {
    try {
      const { payload } = await jwtVerify<{ credential: string }>(token, ({ kid }) => this.publicKey(kid), {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.settings.tokenService,
        typ: type,
        requiredClaims: ['exp', 'sub', 'credential'],
      });
      return { userId: payload.sub!, credential: payload.credential };
    } catch (error) {
      throw error instanceof errors.JOSEError
        ? registryError('UNAUTHORIZED', undefined, { cause: error, message })
        : error;
    }
  }

  private async publicKey(kid: string | undefined) {
    const jwk = this.keys.publicKey(kid);
    if (jwk === undefined) throw new errors.JWKSNoMatchingKey();
    return importJWK(jwk, ALGORITHM);
  }
}
