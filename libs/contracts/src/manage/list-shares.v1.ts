import type { RepositoryName } from '@berth/oci';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { LONGEST_ACCOUNT } from './share-terms.js';

/** Asks with which accounts a repository is shared. The asker has checked the right to manage it. */
export class ListSharesV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_ACCOUNT)
  account?: string;

  /** Those behind this account. */
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_ACCOUNT)
  after?: string;
}

/** Times are in ISO 8601. */
export interface ShareV1 {
  account: string;
  /** Null: for ever. */
  deadline: string | null;
  description: string;
  /** Null, as the name, where the user is gone. */
  creatorId: string | null;
  creatorName: string | null;
  createdAt: string;
  updatedAt: string;
  /** Its last day is not over. */
  isValid: boolean;
}

/** By name of the account; at most `MAX_SHARES_PER_PAGE`, and fewer on the last page only. */
export const LIST_SHARES = defineRequest<ListSharesV1, { shares: ShareV1[] }>('manage.share.list.v1', ListSharesV1);

/** A message holds as many, whatever their descriptions are. */
export const MAX_SHARES_PER_PAGE = 100;
