import {
  type AccessKeyV1,
  type ChangeAccessKeyV1,
  type CreateAccessKeyV1,
  type CreatedAccessKeyV1,
  type ListAccessKeysV1,
  MAX_ACCESS_KEYS,
} from '@berth/contracts';
import { type AccessKeyRow, AccessKeyStore, AccountStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { AccessKeys } from './access-keys.js';

/** Access keys as people manage them: their own, and administrators those of all users of their account. */
@Injectable()
export class AccessKeyAdmin {
  constructor(
    private readonly accounts: AccountStore,
    private readonly store: AccessKeyStore,
    private readonly keys: AccessKeys,
  ) {}

  async create({ actorId, userId = actorId, description }: CreateAccessKeyV1): Promise<CreatedAccessKeyV1> {
    await this.demandRightOver(actorId, userId);
    const made = await this.keys.create(userId, description, null);
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
    const actor = await this.accounts.findUserOfAccount(actorId);
    if (!actor || actorId === userId) return actor !== null;
    if (!actor.isAdministrator) return false;
    return (await this.accounts.findUserOfAccount(userId))?.accountId === actor.accountId;
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
