import type { RepositoryName } from '@berth/oci';
import { ArrayMaxSize, ArrayMinSize, IsArray } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId, IsRepositoryName } from '../field-validators.js';
import { MAX_PERMISSIONS_AT_ONCE } from './change-organisation-permissions.v1.js';

/** Takes users' permissions in a repository away: all of them or none. */
export class RemoveRepositoryPermissionsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_PERMISSIONS_AT_ONCE)
  @IsId({ each: true })
  userIds!: string[];
}

/** REPOSITORY_UNKNOWN, PERMISSION_UNKNOWN. */
export const REMOVE_REPOSITORY_PERMISSIONS = defineRequest<
  RemoveRepositoryPermissionsV1,
  { repository: RepositoryName }
>('manage.repository-permission.remove.v1', RemoveRepositoryPermissionsV1);
