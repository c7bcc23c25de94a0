import { IsOptional, Matches } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { ACCOUNT_NAME } from './account.js';
import type { ProjectV1 } from './issue-iam-token.v1.js';

export const MAX_PROJECTS = 100;

/** Makes a project, by an administrator of its account or an operator. */
export class CreateProjectV1 {
  @IsId()
  actorId!: string;

  /** Absent: the actor's. */
  @IsOptional()
  @IsId()
  accountId?: string;

  @Matches(ACCOUNT_NAME)
  name!: string;
}

/**
 * DENIED where the actor is no administrator, or the account has a project of the name or `MAX_PROJECTS` of them (409).
 * NAME_UNKNOWN (404) where there is no such account, or it is not the actor's to administer.
 */
export const CREATE_PROJECT = defineRequest<CreateProjectV1, { accountId: string; project: ProjectV1 }>(
  'auth.project.create.v1',
  CreateProjectV1,
);
