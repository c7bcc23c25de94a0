import { IsBoolean, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { REPOSITORY_ORDERS, RepositoryListRequest } from './list-repositories.v1.js';
import type { RepositoryViewV1 } from './repository-view.js';

const ORDERS = [...REPOSITORY_ORDERS, 'accountName'] as const;

/** Asks for a page of the repositories that are shared. */
export class ListSharedRepositoriesV1 extends RepositoryListRequest {
  /** By the actor's account, as far as the actor may read them by a permission; or with it, by others. */
  @IsIn(['byAccount', 'withAccount'])
  shared!: 'byAccount' | 'withAccount';

  /** The name of the account whose they are. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  accountName?: string;

  /** The share is valid; of several, one of them is. */
  @IsOptional()
  @IsBoolean()
  isValid?: boolean;

  @IsIn(ORDERS)
  order!: (typeof ORDERS)[number];
}

export interface SharedRepositoryViewV1 extends RepositoryViewV1 {
  /** The share is valid; of several, one of them is. */
  isValid: boolean;
}

export interface SharedRepositoryViewPageV1 {
  /** Of all that match, not of the page. */
  total: number;
  /**
   * Fewer than asked for where a message should not hold more: ask for what is behind them. Of what the actor may read no more,
   * because the share has lapsed, tags, description and numbers are empty.
   */
  repositories: SharedRepositoryViewV1[];
}

export const LIST_SHARED_REPOSITORIES = defineRequest<ListSharedRepositoriesV1, SharedRepositoryViewPageV1>(
  'manage.repository.list-shared.v1',
  ListSharedRepositoriesV1,
);
