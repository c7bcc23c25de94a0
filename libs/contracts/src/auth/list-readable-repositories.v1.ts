import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { Reader } from './reader.js';

export const MAX_REPOSITORIES_PER_PAGE = 1_000;

/** A page of the repositories that the reader may pull, as they are displayed (`busybox`), in ASCII order of that. */
export class ListReadableRepositoriesV1 extends Reader {
  /** Repositories behind this one, which need not exist; empty for the first page. */
  @IsString()
  @MaxLength(256)
  after!: string;

  @IsInt()
  @Min(0)
  @Max(MAX_REPOSITORIES_PER_PAGE)
  limit!: number;
}

export interface RepositoryPageV1 {
  repositories: string[];
  /** More repositories follow. */
  more: boolean;
}

export const LIST_READABLE_REPOSITORIES = defineRequest<ListReadableRepositoriesV1, RepositoryPageV1>(
  'auth.repository.list-readable.v1',
  ListReadableRepositoriesV1,
);
