import { IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import type { Actor } from './actor.js';
import type { ProjectV1 } from './issue-iam-token.v1.js';

/** Asks for the projects of a user's account. */
export class ListProjectsV1 {
  @IsUUID()
  userId!: string;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  name?: string;
}

/** The first made first. UNAUTHORIZED where there is no such user, or it is disabled. */
export const LIST_PROJECTS = defineRequest<ListProjectsV1, { actor: Actor; projects: ProjectV1[] }>(
  'auth.project.list.v1',
  ListProjectsV1,
);
