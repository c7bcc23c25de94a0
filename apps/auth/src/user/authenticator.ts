import { AccountStore, ProjectStore, type StoredUser } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { AccessKeys } from '../access-key/access-keys.js';
import { hashPassword, verifyPassword } from './password-hash.js';

/** `project@AK`, the user name of a docker login by access key. */
const ACCESS_KEY_LOGIN = /^(.+)@([A-Z0-9]{20})$/;

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
  async byLogin(name: string, secret: string): Promise<StoredUser> {
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
  async byAccount(accountName: string, userName: string, password: string): Promise<StoredUser> {
    return this.withPassword(await this.accounts.findByNames(accountName, userName), password);
  }

  /** UNAUTHORIZED where that is not an enabled user any more. */
  async byId(id: string): Promise<StoredUser> {
    const user = await this.accounts.findEnabled(id);
    if (!user) throw registryError('UNAUTHORIZED', undefined, { message: 'there is no such user, or it is disabled' });
    return user;
  }

  private async byAccessKey(projectName: string, accessKey: string, loginKey: string): Promise<StoredUser> {
    const key = await this.accessKeys.findByLogin(accessKey, loginKey);
    const [project] = key ? await this.projects.list(key.accountId, projectName, 1) : [];
    const user = key && project ? await this.accounts.findEnabled(key.userId) : null;
    if (!user) throw wrongCredentials();
    return user;
  }

  private async withPassword(user: StoredUser | null, password: string): Promise<StoredUser> {
    const matches = await verifyPassword(password, user?.passwordHash ?? (await this.nobody));
    if (!user || !matches) throw wrongCredentials();
    return user;
  }
}

const wrongCredentials = () => registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
