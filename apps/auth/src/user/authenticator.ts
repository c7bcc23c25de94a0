import { createHash } from 'node:crypto';
import type { Identity } from '@berth/contracts';
import { AccountStore, type LoginTry, ProjectStore, type StoredUser, type UsableAccessKey } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { accessKeyCredential, AccessKeys, isByAccessKey } from '../access-key/access-keys.js';
import { LoginThrottle } from './login-throttle.js';
import { hashPassword, verifyPassword } from './password-hash.js';

/** `project@AK`, the user name of a docker login by access key. */
const ACCESS_KEY_LOGIN = /^(.+)@([A-Z0-9]{20})$/;

/** A user, and by what it was authenticated: tokens carry that along, and end with it. */
export interface Login {
  user: StoredUser;
  credential: string;
  /** Where a temporary access key was the credential: its end. Null: none. */
  endsAt: Date | null;
}

/**
 * Turns credentials into a user. Where too many passwords were wrong of late: TOOMANYREQUESTS (LoginThrottle). Logins by access
 * key, which their form tells, are neither counted nor slowed: they cost no hash, and nobody guesses 238 bits.
 */
@Injectable()
export class Authenticator {
  /** Verified when there is no such user, so that a wrong name takes as long as a wrong password. */
  private readonly nobody = hashPassword(crypto.randomUUID());

  constructor(
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
    private readonly accessKeys: AccessKeys,
    private readonly throttle: LoginThrottle,
  ) {}

  /**
   * As `docker login` has them: `project@AK` with the key of that access key, `account/user` or, in the first account,
   * `user` with the password. UNAUTHORIZED where they are not those of an enabled user.
   */
  async byLogin({ name, address }: LoginTry, secret: string): Promise<Login> {
    const [, project, accessKey] = ACCESS_KEY_LOGIN.exec(name) ?? [];
    if (project !== undefined && accessKey !== undefined) {
      return known(await this.withAccessKey(project, accessKey, secret));
    }
    const { accountName, userName } = await this.namesIn(name);
    return this.byAccount(accountName, userName, secret, address);
  }

  /** UNAUTHORIZED where name and password are not those of an enabled user of the account. */
  async byAccount(accountName: string, userName: string, password: string, address: string): Promise<Login> {
    const login = { name: `${accountName}/${userName}`, address };
    const find = async () => this.withPassword(await this.accounts.findByNames(accountName, userName), password);
    return known(await this.throttle.attempt(login, password, find));
  }

  /** UNAUTHORIZED where the user is disabled, has another password by now, or the access key is not good any more. */
  async byIdentity({ userId, credential }: Identity): Promise<StoredUser> {
    const user = await this.accounts.findEnabled(userId);
    if (!user || !(await this.isStillGood(user, credential))) {
      throw registryError('UNAUTHORIZED', undefined, {
        message: 'the user is disabled, or its credentials have changed',
      });
    }
    return user;
  }

  /** UNAUTHORIZED where that is not an enabled user any more. */
  async byId(id: string): Promise<StoredUser> {
    const user = await this.accounts.findEnabled(id);
    if (!user) throw registryError('UNAUTHORIZED', undefined, { message: 'there is no such user, or it is disabled' });
    return user;
  }

  private async isStillGood(user: StoredUser, credential: string): Promise<boolean> {
    if (!isByAccessKey(credential)) return credential === passwordCredential(user);
    const key = await this.accessKeys.findByCredential(credential);
    return key?.userId === user.id && (await this.isOriginGood(user, key));
  }

  /** A temporary key ends with the credential that it was made with, which is never a temporary one. */
  private async isOriginGood(user: StoredUser, { madeWith }: UsableAccessKey): Promise<boolean> {
    return madeWith === null || this.isStillGood(user, madeWith);
  }

  private async withAccessKey(project: string, accessKey: string, secret: string): Promise<Login | null> {
    const key = await this.accessKeys.findByLogin(accessKey, secret);
    if (!key || (await this.projects.list(key.accountId, project, 1)).length === 0) return null;
    const user = await this.accounts.findEnabled(key.userId);
    if (!user || !(await this.isOriginGood(user, key))) return null;
    return { user, credential: accessKeyCredential(accessKey), endsAt: key.expiresAt };
  }

  /** Both spellings of a user of the first account are one, also to what counts wrong passwords. */
  private async namesIn(name: string): Promise<{ accountName: string; userName: string }> {
    const slash = name.indexOf('/');
    return slash < 0
      ? { accountName: (await this.accounts.findFirst())?.name ?? '', userName: name }
      : { accountName: name.slice(0, slash), userName: name.slice(slash + 1) };
  }

  private async withPassword(user: StoredUser | null, password: string): Promise<Login | null> {
    const matches = await verifyPassword(password, user?.passwordHash ?? (await this.nobody));
    return user && matches ? { user, credential: passwordCredential(user), endsAt: null } : null;
  }
}

function known(found: Login | null): Login {
  if (!found) throw registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
  return found;
}

/** Says nothing of the hash, which has a salt of its own. */
const passwordCredential = ({ passwordHash }: StoredUser): string =>
  `password:${createHash('sha256').update(passwordHash).digest().subarray(0, 16).toString('base64url')}`;
