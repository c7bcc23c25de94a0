// class-transformer's decorators need it, whoever imports this first.
import 'reflect-metadata';
import type { RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, Max, Min, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

/** Repositories in one message. */
export const MAX_PULL_COUNTS = 500;

export class PullCount {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  pulls!: number;
}

/** Pulls that a gateway has answered since it last told. What is of repositories that are gone is forgotten. */
export class CountPullsV1 {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(MAX_PULL_COUNTS)
  @ValidateNested({ each: true })
  @Type(() => PullCount)
  counts!: PullCount[];
}

export const COUNT_PULLS = defineRequest<CountPullsV1, { repositories: number }>(
  'registry.repository.count-pulls.v1',
  CountPullsV1,
);
