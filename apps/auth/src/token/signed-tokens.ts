import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { errors, importJWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
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
    claims: Record<string, string>,
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

  /** The claims, `sub` and `required` among them. UNAUTHORIZED with `message` where it is none of ours, or is over. */
  async verify(type: TokenType, token: string, required: string[], message: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.publicKey(kid), {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.settings.tokenService,
        typ: type,
        requiredClaims: ['exp', 'sub', ...required],
      });
      return payload;
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
