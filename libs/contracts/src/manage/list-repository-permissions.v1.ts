import type { RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsId, IsRepositoryName } from '../field-validators.js';
import type { UserPermissionV1 } from './list-organisation-permissions.v1.js';

/**
 * Asks who may do what in a repository, by a permission in it. The asker has checked the right to read it; users of another
 * account, who may read what is public or shared, are not told.
 */
export class ListRepositoryPermissionsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** Of who asks. */
  @IsId()
  accountId!: string;
}

export interface RepositoryPermissionsV1 {
  /** A number in decimal. */
  id: string;
  /** By name of the user; at most `MAX_PERMISSIONS`. */
  permissions: UserPermissionV1[];
}

/** REPOSITORY_UNKNOWN; REPOSITORY_DENIED for another account. */
export const LIST_REPOSITORY_PERMISSIONS = defineRequest<ListRepositoryPermissionsV1, RepositoryPermissionsV1>(
  'manage.repository-permission.list.v1',
  ListRepositoryPermissionsV1,
);
