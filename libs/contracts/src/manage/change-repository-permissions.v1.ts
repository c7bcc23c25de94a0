import type { RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { GrantedPermission, MAX_PERMISSIONS_AT_ONCE } from './change-organisation-permissions.v1.js';

/** Gives users a permission in a repository (`add`), or another one (`update`): all of them or none. */
export class ChangeRepositoryPermissionsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsIn(['add', 'update'])
  change!: 'add' | 'update';

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_PERMISSIONS_AT_ONCE)
  @ValidateNested({ each: true })
  @Type(() => GrantedPermission)
  permissions!: GrantedPermission[];
}

/** REPOSITORY_UNKNOWN, USER_INVALID, PERMISSION_EXISTS (`add`), PERMISSION_UNKNOWN (`update`). */
export const CHANGE_REPOSITORY_PERMISSIONS = defineRequest<
  ChangeRepositoryPermissionsV1,
  { repository: RepositoryName }
>('manage.repository-permission.change.v1', ChangeRepositoryPermissionsV1);
