import type { RepositoryName, Tag } from '@berth/oci';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

export const MAX_TAGS_PER_PAGE = 10_000;

/** A page of a repository's tags in ASCII order. Spec: end-8a, end-8b. */
export class ListTagsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** Tags behind this one, which need not exist; empty for the first page. */
  @IsString()
  @MaxLength(256)
  after!: string;

  @IsInt()
  @Min(0)
  @Max(MAX_TAGS_PER_PAGE)
  limit!: number;
}

export interface TagPageV1 {
  tags: Tag[];
  /** More tags follow. */
  more: boolean;
}

/** NAME_UNKNOWN where there is no such repository. */
export const LIST_TAGS = defineRequest<ListTagsV1, TagPageV1>('registry.tag.list.v1', ListTagsV1);
