import type { ChangePasswordV1, ChangeUserV1, CreateUserV1, ListUsersV1, ShowUserV1, UserV1 } from '@berth/contracts';
import { AccountAdministrationStore, type UserRow } from '@berth/metadata';
import { Injectable } from '@nestjs/common';
import { administers, Authority, conflict, unknown } from '../iam/authority.js';
import { Authenticator } from './authenticator.js';
import { hashPassword } from './password-hash.js';

/** Users as administrators administer them, and as they change their own password. */
@Injectable()
export class UserAdmin {
  constructor(
    private readonly authority: Authority,
    private readonly store: AccountAdministrationStore,
    private readonly authenticator: Authenticator,
  ) {}

  async create({ actorId, isEnabled, password, ...asked }: CreateUserV1): Promise<UserV1> {
    const actor = await this.authority.demandAdministrator(actorId);
    const { accountId = actor.accountId, name, description, isAdministrator } = asked;
    if (!administers(actor, accountId)) throw unknown('account');
    const passwordHash = await hashPassword(password);
    const user = { accountId, name, description, isAdministrator, passwordHash, disabled: !isEnabled };
    const outcome = await this.store.createUser(user);
    if (outcome === 'account-unknown') throw unknown('account');
    if (outcome === 'exists') throw conflict('the account has a user of this name');
    return shown(outcome);
  }

  async show({ actorId, userId }: ShowUserV1): Promise<UserV1> {
    const actor = await this.authority.actor(actorId);
    const found = await this.store.showUser(userId);
    if (!found || (userId !== actorId && !administers(actor, found.accountId))) throw unknown('user');
    return shown(found);
  }

  async list({ actorId, limit, accountId, ...page }: ListUsersV1): Promise<{ users: UserV1[]; more: boolean }> {
    const actor = await this.authority.demandAdministrator(actorId);
    const of = accountId ?? actor.accountId;
    if (!administers(actor, of)) return { users: [], more: false };
    const found = await this.store.listUsers(of, { ...page, limit: limit + 1 });
    return { users: found.slice(0, limit).map(shown), more: found.length > limit };
  }

  async change({ actorId, userId, isEnabled, password, description }: ChangeUserV1): Promise<UserV1> {
    const actor = await this.authority.demandAdministrator(actorId);
    const found = await this.store.showUser(userId);
    if (!found || !administers(actor, found.accountId)) throw unknown('user');
    const outcome = await this.store.changeUser(userId, {
      ...(isEnabled !== undefined && { disabled: !isEnabled }),
      ...(password !== undefined && { passwordHash: await hashPassword(password) }),
      ...(description !== undefined && { description }),
    });
    if (outcome === 'unknown') throw unknown('user');
    if (outcome === 'last-administrator') {
      throw conflict('the last enabled administrator of the first account cannot be disabled');
    }
    return shown(outcome);
  }

  async changePassword(request: ChangePasswordV1): Promise<{ userId: string }> {
    const { userId, originalPassword, password, address } = request;
    const actor = await this.authority.actor(request.actorId);
    if (userId !== actor.userId) throw unknown('user');
    await this.authenticator.byAccount(actor.accountName, actor.userName, originalPassword, address);
    await this.store.changeUser(userId, { passwordHash: await hashPassword(password) });
    return { userId };
  }
}

const shown = ({ id, accountId, name, description, isAdministrator, disabledAt }: UserRow): UserV1 => ({
  id,
  accountId,
  name,
  description,
  isAdministrator,
  isEnabled: disabledAt === null,
});
