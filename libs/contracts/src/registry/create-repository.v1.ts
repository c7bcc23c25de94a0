import type { RepositoryName } from '@berth/oci';
import { IsBoolean, IsString, IsUUID, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

/** Characters. */
export const MAX_REPOSITORY_DESCRIPTION = 30_000;
export const MAX_CATEGORY = 64;

/** Makes an empty repository in an organisation that exists. The name fits the rules for new ones. */
export class CreateRepositoryV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsBoolean()
  isPublic!: boolean;

  @IsString()
  @MaxLength(MAX_CATEGORY)
  category!: string;

  @IsString()
  @MaxLength(MAX_REPOSITORY_DESCRIPTION)
  description!: string;

  @IsUUID()
  creatorId!: string;
}

/** REPOSITORY_EXISTS, ORGANISATION_UNKNOWN. */
export const CREATE_REPOSITORY = defineRequest<CreateRepositoryV1, { repository: RepositoryName }>(
  'registry.repository.create.v1',
  CreateRepositoryV1,
);
