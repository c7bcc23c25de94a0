import {
  type ChangeOrganisationPermissionsV1,
  type ListOrganisationPermissionsV1,
  MAX_PERMISSIONS,
  type OrganisationPermissionsV1,
  type RemoveOrganisationPermissionsV1,
} from '@berth/contracts';
import { OrganisationPermissionStore, type OrganisationRow, OrganisationStore } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { permissionRefusal } from './permission-refusals.js';

/** What users may do in an organisation: 7 manage, 3 edit, 1 read. Each change is done whole or not at all. */
@Injectable()
export class OrganisationPermissions {
  constructor(
    private readonly organisations: OrganisationStore,
    private readonly permissions: OrganisationPermissionStore,
  ) {}

  async list({ name }: ListOrganisationPermissionsV1): Promise<OrganisationPermissionsV1> {
    const { id, creatorName } = await this.find(name);
    return { id, name, creatorName, permissions: await this.permissions.list(id, MAX_PERMISSIONS) };
  }

  async change({ name, change, permissions }: ChangeOrganisationPermissionsV1): Promise<{ name: string }> {
    const { id } = await this.find(name);
    const refusal = permissionRefusal(await this.permissions[change](id, permissions), 'ORGANISATION_UNKNOWN');
    if (refusal) throw refusal;
    return { name };
  }

  async remove({ name, userIds }: RemoveOrganisationPermissionsV1): Promise<{ name: string }> {
    const { id } = await this.find(name);
    const refusal = permissionRefusal(await this.permissions.remove(id, userIds), 'ORGANISATION_UNKNOWN');
    if (refusal) throw refusal;
    return { name };
  }

  private async find(name: string): Promise<OrganisationRow> {
    const organisation = await this.organisations.show(name);
    if (!organisation) throw new SwrError('ORGANISATION_UNKNOWN');
    return organisation;
  }
}
