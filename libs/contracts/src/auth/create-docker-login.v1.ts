import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

export const SHORTEST_DOCKER_LOGIN_SECONDS = 900;
export const LONGEST_DOCKER_LOGIN_SECONDS = 86_400;
/** Temporary access keys that a user may have at once. */
export const MAX_TEMPORARY_ACCESS_KEYS = 10_000;

/** Makes a docker login that ends by itself: a temporary access key, and what docker takes of it. */
export class CreateDockerLoginV1 {
  @IsId()
  userId!: string;

  /** By what the user was authenticated: the login ends with it. Absent: it ends with its time alone. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  credential?: string;

  /** Absent: the region's. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  projectName?: string;

  @IsInt()
  @Min(SHORTEST_DOCKER_LOGIN_SECONDS)
  @Max(LONGEST_DOCKER_LOGIN_SECONDS)
  lifeSeconds!: number;
}

export interface CreatedDockerLoginV1 {
  /** `project@AK`. */
  username: string;
  /** Shown now and never again. */
  password: string;
  /** RFC 3339. */
  expiresAt: string;
}

/**
 * QUERY_INVALID where the account has no such project, THROTTLED where the user has `MAX_TEMPORARY_ACCESS_KEYS` already,
 * UNAUTHORIZED where that is not an enabled user.
 */
export const CREATE_DOCKER_LOGIN = defineRequest<CreateDockerLoginV1, CreatedDockerLoginV1>(
  'auth.docker-login.create.v1',
  CreateDockerLoginV1,
);
