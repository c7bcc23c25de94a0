import {
  CHANGE_REPOSITORY_PERMISSIONS,
  ChangeRepositoryPermissionsV1,
  LIST_REPOSITORY_PERMISSIONS,
  ListRepositoryPermissionsV1,
  REMOVE_REPOSITORY_PERMISSIONS,
  RemoveRepositoryPermissionsV1,
  type RepositoryPermissionsV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { RepositoryPermissions } from './repository-permissions.js';

@Controller()
export class RepositoryPermissionController {
  constructor(private readonly permissions: RepositoryPermissions) {}

  @Answers(LIST_REPOSITORY_PERMISSIONS)
  list(@Payload() request: ListRepositoryPermissionsV1): Promise<RepositoryPermissionsV1> {
    return this.permissions.list(request);
  }

  @Answers(CHANGE_REPOSITORY_PERMISSIONS)
  change(@Payload() request: ChangeRepositoryPermissionsV1): Promise<{ repository: RepositoryName }> {
    return this.permissions.change(request);
  }

  @Answers(REMOVE_REPOSITORY_PERMISSIONS)
  remove(@Payload() request: RemoveRepositoryPermissionsV1): Promise<{ repository: RepositoryName }> {
    return this.permissions.remove(request);
  }
}
