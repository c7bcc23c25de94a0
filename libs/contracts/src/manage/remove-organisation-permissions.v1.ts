import { ArrayMaxSize, ArrayMinSize, IsArray, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { MAX_PERMISSIONS_AT_ONCE } from './change-organisation-permissions.v1.js';

/** Takes users' permissions in an organisation away: all of them or none. */
export class RemoveOrganisationPermissionsV1 {
  @IsString()
  @MaxLength(255)
  name!: string;

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_PERMISSIONS_AT_ONCE)
  @IsId({ each: true })
  userIds!: string[];
}

/** ORGANISATION_UNKNOWN, PERMISSION_UNKNOWN. */
export const REMOVE_ORGANISATION_PERMISSIONS = defineRequest<RemoveOrganisationPermissionsV1, { name: string }>(
  'manage.organisation-permission.remove.v1',
  RemoveOrganisationPermissionsV1,
);
