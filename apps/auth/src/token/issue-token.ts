import type { IssuedTokenV1, IssueTokenV1 } from '@berth/contracts';
import type { Scope } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { SignJWT } from 'jose';
import { principalOf } from '../access/access-engine.js';
import { AccessService } from '../access/access.service.js';
import { ALGORITHM, SigningKeys } from '../key/signing-keys.js';
import { Authenticator, type Login } from '../user/authenticator.js';
import { ISSUER } from './issuer.js';
import { RefreshTokens } from './refresh-tokens.js';

/** Besides what every JWT has. The last two are of users only. */
interface Claims {
  access: Scope[];
  refused?: Scope[];
  credential?: string;
}

/** Makes bearer tokens by the Docker token protocol: short-lived, signed asymmetrically, verified without asking auth. */
@Injectable()
export class IssueToken {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly refreshTokens: RefreshTokens,
    private readonly access: AccessService,
    private readonly keys: SigningKeys,
    private readonly settings: Settings,
  ) {}

  /**
   * The rights are those of now, also where a refresh token of long ago is given; that one comes back as it is. Of a
   * temporary access key there is no refresh token, and no bearer token outlives it.
   */
  async run(request: IssueTokenV1): Promise<IssuedTokenV1> {
    const login = await this.loginOf(request);
    const { access, refused } = await this.access.intersect(
      login === null ? { kind: 'anonymous' } : principalOf(login.user),
      request.scopes,
    );
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresIn = this.lifeFrom(issuedAt, login);
    const offline = login !== null && request.offline && login.endsAt === null;
    const refreshToken = offline ? await this.refreshTokens.issue(login) : request.refreshToken;
    return {
      token: await this.sign(
        login?.user.id ?? '',
        { issuedAt, expiresIn },
        { access, ...(login !== null && { refused, credential: login.credential }) },
      ),
      ...(login !== null && { userId: login.user.id }),
      access,
      expiresIn,
      issuedAt: new Date(issuedAt * 1000).toISOString(),
      ...(refreshToken !== undefined && { refreshToken }),
    };
  }

  /** Null is anonymous. */
  private async loginOf({ username: name, password, refreshToken, address }: IssueTokenV1): Promise<Login | null> {
    if (refreshToken !== undefined) return this.refreshTokens.verify(refreshToken);
    return name === undefined ? null : this.authenticator.byLogin({ name, address }, password ?? '');
  }

  private lifeFrom(issuedAt: number, login: Login | null): number {
    const end = login?.endsAt;
    const left = end ? Math.floor(end.getTime() / 1000) - issuedAt : Infinity;
    return Math.max(1, Math.min(this.settings.tokenSeconds, left));
  }

  private sign(
    subject: string,
    { issuedAt, expiresIn }: { issuedAt: number; expiresIn: number },
    claims: Claims,
  ): Promise<string> {
    const { id, privateKey } = this.keys.signing();
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, kid: id, typ: 'JWT' })
      .setIssuer(ISSUER)
      .setAudience(this.settings.tokenService)
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + expiresIn)
      .setJti(crypto.randomUUID())
      .sign(privateKey);
  }
}
