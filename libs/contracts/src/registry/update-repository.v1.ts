import type { RepositoryName } from '@berth/oci';
import { IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { MAX_CATEGORY, MAX_REPOSITORY_DESCRIPTION } from './create-repository.v1.js';

/** Changes what is given of a repository, and leaves the rest. */
export class UpdateRepositoryV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsOptional()
  @IsBoolean()
  isPublic?: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_CATEGORY)
  category?: string;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_REPOSITORY_DESCRIPTION)
  description?: string;
}

/** REPOSITORY_UNKNOWN. */
export const UPDATE_REPOSITORY = defineRequest<UpdateRepositoryV1, { repository: RepositoryName }>(
  'registry.repository.update.v1',
  UpdateRepositoryV1,
);
