import {
  type AccessKeyV1,
  type ChangeAccessKeyV1,
  type CreateAccessKeyV1,
  type CreatedAccessKeyV1,
  type ListAccessKeysV1,
  MAX_ACCESS_KEYS,
} from '@berth/contracts';
import { AccountAdministrationStore, type AccessKeyRow, AccessKeyStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { administers, Authority } from '../iam/authority.js';
import { AccessKeys } from './access-keys.js';

/** Access keys as people manage them: their own, administrators those of their account, and operators all. */
@Injectable()
export class AccessKeyAdmin {
  constructor(
    private readonly authority: Authority,
    private readonly users: AccountAdministrationStore,
    private readonly store: AccessKeyStore,
    private readonly keys: AccessKeys,
  ) {}

  async create({ actorId, userId = actorId, description }: CreateAccessKeyV1): Promise<CreatedAccessKeyV1> {
    await this.demandRightOver(actorId, userId);
    const made = await this.keys.create(userId, description);
    if (!made) {
      const message = `a user may have ${MAX_ACCESS_KEYS} access keys`;
      throw registryError('DENIED', undefined, { status: 409, message });
    }
    return { ...shown(made.row), secretKey: made.secretKey };
  }

  async list({ actorId, userId = actorId }: ListAccessKeysV1): Promise<{ accessKeys: AccessKeyV1[] }> {
    await this.demandRightOver(actorId, userId);
    return { accessKeys: (await this.store.list(userId, MAX_ACCESS_KEYS)).map(shown) };
  }

  async change({ actorId, accessKey, change }: ChangeAccessKeyV1): Promise<{ accessKey: string }> {
    const ownerId = await this.store.findOwner(accessKey);
    if (ownerId === null || !(await this.hasRightOver(actorId, ownerId))) throw unknown(accessKey);
    const changed =
      change === 'remove'
        ? await this.store.remove(accessKey, ownerId)
        : await this.store.setDisabled(accessKey, ownerId, change === 'disable');
    if (!changed) throw unknown(accessKey);
    return { accessKey };
  }

  private async demandRightOver(actorId: string, userId: string): Promise<void> {
    if (!(await this.hasRightOver(actorId, userId))) throw registryError('DENIED');
  }

  private async hasRightOver(actorId: string, userId: string): Promise<boolean> {
    const actor = await this.authority.actor(actorId);
    if (actorId === userId) return true;
    const user = actor.isAdministrator ? await this.users.showUser(userId) : null;
    return user !== null && administers(actor, user.accountId);
  }
}

const shown = ({ id, userId, description, createdAt, disabledAt }: AccessKeyRow): AccessKeyV1 => ({
  accessKey: id,
  userId,
  description,
  isDisabled: disabledAt !== null,
  createdAt: createdAt.toISOString(),
});

const unknown = (accessKey: string) =>
  registryError('NAME_UNKNOWN', { accessKey }, { message: 'there is no such access key' });
