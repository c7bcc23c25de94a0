import type { IssuedTokenV1, IssueTokenV1 } from '@berth/contracts';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { AccessService } from '../access/access.service.js';
import { ALGORITHM, SigningKeys } from '../key/signing-keys.js';
import { Authenticator } from '../user/authenticator.js';

const ISSUER = 'berth';

/** Makes bearer tokens by the Docker token protocol: short-lived, signed asymmetrically, verified without asking auth. */
@Injectable()
export class IssueToken {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly access: AccessService,
    private readonly keys: SigningKeys,
    private readonly settings: Settings,
  ) {}

  async run({ username, password, scopes }: IssueTokenV1): Promise<IssuedTokenV1> {
    const principal =
      username === undefined
        ? ({ kind: 'anonymous' } as const)
        : await this.authenticator.byPassword(username, password ?? '');
    const { access, refused } = await this.access.intersect(principal, scopes);
    const { id, privateKey } = this.keys.signing();
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresIn = this.settings.tokenSeconds;
    const token = await new SignJWT({ access, ...(principal.kind === 'user' && { refused }) })
      .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(this.settings.tokenService)
      .setSubject(principal.kind === 'user' ? principal.id : '')
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + expiresIn)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
    return { token, expiresIn, issuedAt: new Date(issuedAt * 1000).toISOString() };
  }
}
