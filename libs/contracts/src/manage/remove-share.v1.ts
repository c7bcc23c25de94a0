import type { RepositoryName } from '@berth/oci';
import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { LONGEST_ACCOUNT } from './share-terms.js';

/** Ends a share. The asker has checked the right to manage the repository. */
export class RemoveShareV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsString()
  @MaxLength(LONGEST_ACCOUNT)
  account!: string;
}

/** SHARE_UNKNOWN. */
export const REMOVE_SHARE = defineRequest<RemoveShareV1, { account: string }>('manage.share.remove.v1', RemoveShareV1);
