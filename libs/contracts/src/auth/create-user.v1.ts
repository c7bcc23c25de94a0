import { IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { PASSWORD, USER_NAME, type UserV1 } from './account.js';
import { MAX_DESCRIPTION } from './create-access-key.v1.js';

/** Makes a user, by an administrator of its account or an operator. */
export class CreateUserV1 {
  @IsId()
  actorId!: string;

  /** Absent: the actor's. */
  @IsOptional()
  @IsId()
  accountId?: string;

  @Matches(USER_NAME)
  name!: string;

  @Matches(PASSWORD)
  password!: string;

  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description!: string;

  @IsBoolean()
  isAdministrator!: boolean;

  @IsBoolean()
  isEnabled!: boolean;
}

/**
 * DENIED where the actor is no administrator, or the account has a user of the name (409). NAME_UNKNOWN (404) where there
 * is no such account, or it is not the actor's to administer.
 */
export const CREATE_USER = defineRequest<CreateUserV1, UserV1>('auth.user.create.v1', CreateUserV1);
