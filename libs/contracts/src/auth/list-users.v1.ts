import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { MAX_PAGE, type UserV1 } from './account.js';

/** Asks for a page of an account's users, by an administrator of it or an operator. */
export class ListUsersV1 {
  @IsId()
  actorId!: string;

  /** Absent: the actor's. */
  @IsOptional()
  @IsId()
  accountId?: string;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  name?: string;

  /** Users behind this name, which need not exist. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  after?: string;

  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit!: number;
}

/**
 * By name; `more` where others follow. DENIED where the actor is no administrator. An account that is not the actor's to
 * administer has no users, as one that does not exist.
 */
export const LIST_USERS = defineRequest<ListUsersV1, { users: UserV1[]; more: boolean }>(
  'auth.user.list.v1',
  ListUsersV1,
);
