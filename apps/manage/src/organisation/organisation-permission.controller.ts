import {
  CHANGE_ORGANISATION_PERMISSIONS,
  ChangeOrganisationPermissionsV1,
  LIST_ORGANISATION_PERMISSIONS,
  ListOrganisationPermissionsV1,
  type OrganisationPermissionsV1,
  REMOVE_ORGANISATION_PERMISSIONS,
  RemoveOrganisationPermissionsV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { OrganisationPermissions } from './organisation-permissions.js';

@Controller()
export class OrganisationPermissionController {
  constructor(private readonly permissions: OrganisationPermissions) {}

  @Answers(LIST_ORGANISATION_PERMISSIONS)
  list(@Payload() request: ListOrganisationPermissionsV1): Promise<OrganisationPermissionsV1> {
    return this.permissions.list(request);
  }

  @Answers(CHANGE_ORGANISATION_PERMISSIONS)
  change(@Payload() request: ChangeOrganisationPermissionsV1): Promise<{ name: string }> {
    return this.permissions.change(request);
  }

  @Answers(REMOVE_ORGANISATION_PERMISSIONS)
  remove(@Payload() request: RemoveOrganisationPermissionsV1): Promise<{ name: string }> {
    return this.permissions.remove(request);
  }
}
