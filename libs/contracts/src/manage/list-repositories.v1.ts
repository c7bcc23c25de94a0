import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min, ValidateNested } from 'class-validator';
import { Actor } from '../auth/actor.js';
import { defineRequest } from '../contract.js';
import type { RepositoryViewV1 } from './repository-view.js';

export const MAX_VIEWS_PER_PAGE = 1_000;
export const MAX_TAGS_SHOWN = 1_000;
export const REPOSITORY_ORDERS = ['updatedAt', 'name', 'path', 'tagCount', 'isPublic'] as const;

/** What every list of repositories is asked for. */
export class RepositoryListRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** A part of the organisation's name. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  organisation?: string;

  /** A part of the path without the organisation. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  name?: string;

  @IsOptional()
  @IsString()
  @MaxLength(64)
  category?: string;

  @IsOptional()
  @IsBoolean()
  isPublic?: boolean;

  @IsBoolean()
  descending!: boolean;

  @IsInt()
  @Min(0)
  offset!: number;

  @IsInt()
  @Min(1)
  @Max(MAX_VIEWS_PER_PAGE)
  limit!: number;

  /** Tags to show of each. */
  @IsInt()
  @Min(0)
  @Max(MAX_TAGS_SHOWN)
  tags!: number;
}

/** Asks for a page of the repositories of the actor's account that the actor may read by a permission. */
export class ListRepositoriesV1 extends RepositoryListRequest {
  @IsIn(REPOSITORY_ORDERS)
  order!: (typeof REPOSITORY_ORDERS)[number];
}

export interface RepositoryViewPageV1 {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more: ask for what is behind them. */
  repositories: RepositoryViewV1[];
}

export const LIST_REPOSITORIES = defineRequest<ListRepositoriesV1, RepositoryViewPageV1>(
  'manage.repository.list.v1',
  ListRepositoriesV1,
);
