import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { Authenticator, type Login } from '../user/authenticator.js';
import { SignedTokens } from './signed-tokens.js';

const NOT_VALID = 'the refresh token is not valid';

/**
 * Refresh tokens: what a client keeps instead of a password or an access key. Signed, and stored nowhere. Each ends with
 * the credential that it was given for: a new password, or a key that is disabled or removed; and with a disabled user.
 */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly tokens: SignedTokens,
    private readonly authenticator: Authenticator,
    private readonly settings: Settings,
  ) {}

  issue({ user, credential }: Login): Promise<string> {
    const life = { issuedAt: Math.floor(Date.now() / 1000), lifeSeconds: this.settings.refreshTokenSeconds };
    return this.tokens.sign('refresh+jwt', user.id, { credential }, life);
  }

  /** Whose it is. UNAUTHORIZED where it is none of ours, is over, or the user is disabled or its credential not good any more. */
  async verify(token: string): Promise<Login> {
    const { userId, credential } = await this.tokens.verify('refresh+jwt', token, NOT_VALID);
    return { user: await this.authenticator.byIdentity({ userId, credential }), credential, endsAt: null };
  }
}
