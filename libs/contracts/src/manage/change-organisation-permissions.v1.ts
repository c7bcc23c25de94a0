import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsString, MaxLength, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

export const MAX_PERMISSIONS_AT_ONCE = 500;

export class GrantedPermission {
  @IsId()
  userId!: string;

  @IsString()
  @MaxLength(256)
  userName!: string;

  @IsIn([7, 3, 1])
  auth!: 7 | 3 | 1;
}

/** Gives users a permission in an organisation (`add`), or another one (`update`): all of them or none. */
export class ChangeOrganisationPermissionsV1 {
  @IsString()
  @MaxLength(255)
  name!: string;

  @IsIn(['add', 'update'])
  change!: 'add' | 'update';

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_PERMISSIONS_AT_ONCE)
  @ValidateNested({ each: true })
  @Type(() => GrantedPermission)
  permissions!: GrantedPermission[];
}

/** ORGANISATION_UNKNOWN, USER_INVALID, PERMISSION_EXISTS (`add`), PERMISSION_UNKNOWN (`update`). */
export const CHANGE_ORGANISATION_PERMISSIONS = defineRequest<ChangeOrganisationPermissionsV1, { name: string }>(
  'manage.organisation-permission.change.v1',
  ChangeOrganisationPermissionsV1,
);
