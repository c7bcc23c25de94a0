import type { RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import { Actor } from './actor.js';

/** Asks what somebody may do in an organisation, and in one of its repositories. */
export class DecideAccessV1 {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  @MaxLength(255)
  organisation!: string;

  /** Need not exist. */
  @IsOptional()
  @IsRepositoryName()
  repository?: RepositoryName;
}

/** 7 manage, 3 edit, 1 read, 0 nothing. */
export type AccessLevel = 7 | 3 | 1 | 0;

export interface DecidedAccessV1 {
  organisation: AccessLevel;
  /** At least what the organisation gives; 0 where no repository was asked about. */
  repository: AccessLevel;
}

/** What does not exist gives 0, as what belongs to somebody else does. */
export const DECIDE_ACCESS = defineRequest<DecideAccessV1, DecidedAccessV1>('auth.access.decide.v1', DecideAccessV1);
