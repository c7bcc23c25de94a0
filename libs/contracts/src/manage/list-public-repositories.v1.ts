import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { MAX_VIEWS_PER_PAGE, type RepositoryViewPageV1 } from './list-repositories.v1.js';

/** Asks for a page of the public repositories of one organisation, by name, without tags. None where there is no such one. */
export class ListPublicRepositoriesV1 {
  @IsString()
  @MaxLength(255)
  organisation!: string;

  /** A part of the path without the organisation. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  name?: string;

  @IsInt()
  @Min(0)
  offset!: number;

  @IsInt()
  @Min(1)
  @Max(MAX_VIEWS_PER_PAGE)
  limit!: number;
}

export const LIST_PUBLIC_REPOSITORIES = defineRequest<ListPublicRepositoriesV1, RepositoryViewPageV1>(
  'manage.repository.list-public.v1',
  ListPublicRepositoriesV1,
);
