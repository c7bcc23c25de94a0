import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { ProjectV1 } from './issue-iam-token.v1.js';

/** Asks for the projects of a user's account, or by an operator of any account. */
export class ListProjectsV1 {
  @IsId()
  userId!: string;

  /** Absent: the user's. */
  @IsOptional()
  @IsId()
  accountId?: string;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  name?: string;
}

/**
 * The first made first; none of an account that is not for the user to see. UNAUTHORIZED where there is no such user, or it
 * is disabled.
 */
export const LIST_PROJECTS = defineRequest<ListProjectsV1, { accountId: string; projects: ProjectV1[] }>(
  'auth.project.list.v1',
  ListProjectsV1,
);
