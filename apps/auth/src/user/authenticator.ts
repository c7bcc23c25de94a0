import { AccountStore, type StoredUser } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { hashPassword, verifyPassword } from './password-hash.js';

/** Turns credentials into a user. */
@Injectable()
export class Authenticator {
  /** Verified when there is no such user, so that a wrong name takes as long as a wrong password. */
  private readonly nobody = hashPassword(crypto.randomUUID());

  constructor(private readonly accounts: AccountStore) {}

  /** UNAUTHORIZED where name and password are not those of an enabled user. */
  async byPassword(name: string, password: string): Promise<StoredUser> {
    const user = await this.accounts.findForLogin(name);
    const matches = await verifyPassword(password, user?.passwordHash ?? (await this.nobody));
    if (!user || !matches) throw registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
    return user;
  }

  /** UNAUTHORIZED where that is not an enabled user any more. */
  async byId(id: string): Promise<StoredUser> {
    const user = await this.accounts.findEnabled(id);
    if (!user) throw registryError('UNAUTHORIZED', undefined, { message: 'there is no such user, or it is disabled' });
    return user;
  }
}
