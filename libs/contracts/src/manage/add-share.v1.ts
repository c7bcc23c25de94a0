import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { ShareTermsV1 } from './share-terms.js';

/** Shares a repository with another account, for it to read. The asker has checked the right to manage the repository. */
export class AddShareV1 extends ShareTermsV1 {
  @IsId()
  creatorId!: string;
}

/** REPOSITORY_UNKNOWN, SHARE_ACCOUNT_INVALID, SHARE_EXISTS; FIELD_INVALID where there are `MAX_SHARES` already. */
export const ADD_SHARE = defineRequest<AddShareV1, { account: string }>('manage.share.add.v1', AddShareV1);

/** Of a repository. */
export const MAX_SHARES = 500;
