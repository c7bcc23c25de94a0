import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks who may do what in an organisation. The asker has checked the right to read it. */
export class ListOrganisationPermissionsV1 {
  @IsString()
  @MaxLength(255)
  name!: string;
}

export interface UserPermissionV1 {
  userId: string;
  userName: string;
  auth: 7 | 3 | 1;
}

export interface OrganisationPermissionsV1 {
  /** A number in decimal. */
  id: string;
  name: string;
  creatorName: string;
  /** By name of the user; at most `MAX_PERMISSIONS`. */
  permissions: UserPermissionV1[];
}

/** ORGANISATION_UNKNOWN. */
export const LIST_ORGANISATION_PERMISSIONS = defineRequest<ListOrganisationPermissionsV1, OrganisationPermissionsV1>(
  'manage.organisation-permission.list.v1',
  ListOrganisationPermissionsV1,
);

export const MAX_PERMISSIONS = 10_000;
