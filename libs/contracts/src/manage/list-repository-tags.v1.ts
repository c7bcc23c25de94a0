import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { MAX_VIEWS_PER_PAGE } from './list-repositories.v1.js';

const ORDERS = ['updatedAt', 'name'] as const;

/** Asks for a page of a repository's tags with what they name. The asker has checked the right to read it. */
export class ListRepositoryTagsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** A part of the tag. */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  name?: string;

  @IsIn(ORDERS)
  order!: (typeof ORDERS)[number];

  @IsBoolean()
  descending!: boolean;

  @IsInt()
  @Min(0)
  offset!: number;

  @IsInt()
  @Min(1)
  @Max(MAX_VIEWS_PER_PAGE)
  limit!: number;
}

/** A tag as the management API shows it. Times are RFC 3339. */
export interface TagViewV1 {
  /** A number in decimal, as that of the repository. */
  id: string;
  repositoryId: string;
  /** Whose the repository is. */
  accountId: string;
  name: Tag;
  createdAt: string;
  updatedAt: string;
  digest: Digest;
  mediaType: string;
  /** Bytes that a pull of it moves. */
  imageSize: number;
  /** The manifest, base64. */
  payload: string;
}

export interface TagViewPageV1 {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more: ask for what is behind them. */
  tags: TagViewV1[];
}

/** REPOSITORY_UNKNOWN. */
export const LIST_REPOSITORY_TAGS = defineRequest<ListRepositoryTagsV1, TagViewPageV1>(
  'manage.tag.list.v1',
  ListRepositoryTagsV1,
);
