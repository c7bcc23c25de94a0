import { createHash } from 'node:crypto';
import type { Identity } from '@berth/contracts';
import { AccountStore, ProjectStore, type StoredUser } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { AccessKeys } from '../access-key/access-keys.js';
import { hashPassword, verifyPassword } from './password-hash.js';

/** `project@AK`, the user name of a docker login by access key. */
const ACCESS_KEY_LOGIN = /^(.+)@([A-Z0-9]{20})$/;

/** What a credential by access key begins with; the key follows. */
const BY_ACCESS_KEY = 'access-key:';

/** A user, and by what it was authenticated: tokens carry that along, and end with it. */
export interface Login {
  user: StoredUser;
  credential: string;
}

/** Turns credentials into a user. */
@Injectable()
export class Authenticator {
  /** Verified when there is no such user, so that a wrong name takes as long as a wrong password. */
  private readonly nobody = hashPassword(crypto.randomUUID());

  constructor(
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
    private readonly accessKeys: AccessKeys,
  ) {}

  /**
   * As `docker login` has them: `project@AK` with the key of that access key, `account/user` or, in the first account,
   * `user` with the password. UNAUTHORIZED where they are not those of an enabled user.
   */
  async byLogin(name: string, secret: string): Promise<Login> {
    const [, project, accessKey] = ACCESS_KEY_LOGIN.exec(name) ?? [];
    if (project !== undefined && accessKey !== undefined) return this.byAccessKey(project, accessKey, secret);
    const slash = name.indexOf('/');
    const user =
      slash < 0
        ? await this.accounts.findForLogin(name)
        : await this.accounts.findByNames(name.slice(0, slash), name.slice(slash + 1));
    return this.withPassword(user, secret);
  }

  /** UNAUTHORIZED where name and password are not those of an enabled user of the account. */
  async byAccount(accountName: string, userName: string, password: string): Promise<Login> {
    return this.withPassword(await this.accounts.findByNames(accountName, userName), password);
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
    if (!credential.startsWith(BY_ACCESS_KEY)) return credential === passwordCredential(user);
    return (await this.accessKeys.findOwner(credential.slice(BY_ACCESS_KEY.length))) === user.id;
  }

  private async byAccessKey(projectName: string, accessKey: string, loginKey: string): Promise<Login> {
    const key = await this.accessKeys.findByLogin(accessKey, loginKey);
    const [project] = key ? await this.projects.list(key.accountId, projectName, 1) : [];
    const user = key && project ? await this.accounts.findEnabled(key.userId) : null;
    if (!user) throw wrongCredentials();
    return { user, credential: BY_ACCESS_KEY + accessKey };
  }

  private async withPassword(user: StoredUser | null, password: string): Promise<Login> {
    const matches = await verifyPassword(password, user?.passwordHash ?? (await this.nobody));
    if (!user || !matches) throw wrongCredentials();
    return { user, credential: passwordCredential(user) };
  }
}

/** Says nothing of the hash, which has a salt of its own. */
const passwordCredential = ({ passwordHash }: StoredUser): string =>
  `password:${createHash('sha256').update(passwordHash).digest().subarray(0, 16).toString('base64url')}`;

const wrongCredentials = () => registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
