import { Type } from 'class-transformer';
import { IsBoolean, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { Actor } from '../auth/actor.js';
import type { AccessLevel } from '../auth/decide-access.v1.js';
import { defineRequest } from '../contract.js';

/** Asks which organisations the actor sees, by name. */
export class ListOrganisationsV1 {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  name?: string;

  /** Those too where only a repository is granted. */
  @IsBoolean()
  withRepositories!: boolean;

  /** With how much there is of each. */
  @IsOptional()
  @IsBoolean()
  counted?: boolean;
}

export interface OrganisationV1 {
  /** A number in decimal. */
  id: string;
  name: string;
  creatorName: string;
  /** What the actor may do there; 0 where only repositories are granted. */
  auth: AccessLevel;
  /** Where it was asked for: users with a permission in it, and tags of its repositories. */
  userCount?: number;
  tagCount?: number;
}

/** At most `MAX_ORGANISATIONS`. */
export const LIST_ORGANISATIONS = defineRequest<ListOrganisationsV1, { organisations: OrganisationV1[] }>(
  'manage.organisation.list.v1',
  ListOrganisationsV1,
);

export const MAX_ORGANISATIONS = 10_000;
