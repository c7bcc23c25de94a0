import { AccountStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import type { Principal } from '../access/access-engine.js';
import { hashPassword, verifyPassword } from './password-hash.js';

/** Turns credentials into a principal. */
@Injectable()
export class Authenticator {
  /** Verified when there is no such user, so that a wrong name takes as long as a wrong password. */
  private readonly nobody = hashPassword(crypto.randomUUID());

  constructor(private readonly accounts: AccountStore) {}

  /** UNAUTHORIZED where name and password are not those of an enabled user. */
  async byPassword(name: string, password: string): Promise<Principal> {
    const user = await this.accounts.findForLogin(name);
    const matches = await verifyPassword(password, user?.passwordHash ?? (await this.nobody));
    if (!user || !matches) throw registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
    return { kind: 'user', id: user.id, accountId: user.accountId, isAdministrator: user.isAdministrator };
  }
}
