import { createHash } from 'node:crypto';
import type { StoredUser } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { Authenticator } from '../user/authenticator.js';
import { SignedTokens } from './signed-tokens.js';

const NOT_VALID = 'the refresh token is not valid';

/**
 * Refresh tokens: what a client keeps instead of a password. Signed, and stored nowhere. Each is bound to the
 * password hash of its day: a new password ends them all, and so does a disabled user.
 */
@Injectable()
export class RefreshTokens {
  constructor(
    private readonly tokens: SignedTokens,
    private readonly authenticator: Authenticator,
    private readonly settings: Settings,
  ) {}

  issue(user: StoredUser): Promise<string> {
    const life = { issuedAt: Math.floor(Date.now() / 1000), lifeSeconds: this.settings.refreshTokenSeconds };
    return this.tokens.sign('refresh+jwt', user.id, { password: fingerprint(user) }, life);
  }

  /** Whose it is. UNAUTHORIZED where it is none of ours, is over, or the user has another password or is disabled. */
  async verify(token: string): Promise<StoredUser> {
    const { sub, password } = await this.tokens.verify('refresh+jwt', token, ['password'], NOT_VALID);
    const user = await this.authenticator.byId(sub!);
    if (fingerprint(user) !== password) throw registryError('UNAUTHORIZED', undefined, { message: NOT_VALID });
    return user;
  }
}

/** Says nothing of the hash, which has a salt of its own. */
const fingerprint = ({ passwordHash }: StoredUser): string =>
  createHash('sha256').update(passwordHash).digest().subarray(0, 16).toString('base64url');
