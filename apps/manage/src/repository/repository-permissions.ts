import {
  type ChangeRepositoryPermissionsV1,
  type ListRepositoryPermissionsV1,
  MAX_PERMISSIONS,
  type RemoveRepositoryPermissionsV1,
  type RepositoryPermissionsV1,
} from '@berth/contracts';
import { type RepositoryOwner, RepositoryPermissionStore, RepositoryStore } from '@berth/metadata';
import type { RepositoryName } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { permissionRefusal } from '../organisation/permission-refusals.js';

/**
 * What users may do in a repository, besides what they may in its organisation: 7 manage, 3 edit, 1 read. Each change is done
 * whole or not at all.
 */
@Injectable()
export class RepositoryPermissions {
  constructor(
    private readonly repositories: RepositoryStore,
    private readonly permissions: RepositoryPermissionStore,
  ) {}

  async list({ repository, accountId }: ListRepositoryPermissionsV1): Promise<RepositoryPermissionsV1> {
    const owner = await this.find(repository);
    if (owner.accountId !== accountId) throw new SwrError('REPOSITORY_DENIED');
    return { id: owner.id, permissions: await this.permissions.list(owner.id, MAX_PERMISSIONS) };
  }

  async change({
    repository,
    change,
    permissions,
  }: ChangeRepositoryPermissionsV1): Promise<{ repository: RepositoryName }> {
    const { id } = await this.find(repository);
    const refusal = permissionRefusal(await this.permissions[change](id, permissions), 'REPOSITORY_UNKNOWN');
    if (refusal) throw refusal;
    return { repository };
  }

  async remove({ repository, userIds }: RemoveRepositoryPermissionsV1): Promise<{ repository: RepositoryName }> {
    const { id } = await this.find(repository);
    const refusal = permissionRefusal(await this.permissions.remove(id, userIds), 'REPOSITORY_UNKNOWN');
    if (refusal) throw refusal;
    return { repository };
  }

  private async find(repository: RepositoryName): Promise<RepositoryOwner> {
    const owner = await this.repositories.findOwner(repository);
    if (!owner) throw new SwrError('REPOSITORY_UNKNOWN');
    return owner;
  }
}
