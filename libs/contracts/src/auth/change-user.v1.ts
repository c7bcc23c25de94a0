import { IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { PASSWORD, type UserV1 } from './account.js';
import { MAX_DESCRIPTION } from './create-access-key.v1.js';

/** Changes what is given of a user, by an administrator of its account or an operator. */
export class ChangeUserV1 {
  @IsId()
  actorId!: string;

  @IsId()
  userId!: string;

  @IsOptional()
  @IsBoolean()
  isEnabled?: boolean;

  @IsOptional()
  @Matches(PASSWORD)
  password?: string;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description?: string;
}

/**
 * DENIED where the actor is no administrator, or the last enabled administrator of the first account would be disabled
 * (409). NAME_UNKNOWN (404) where there is no such user, or it is not the actor's to change.
 */
export const CHANGE_USER = defineRequest<ChangeUserV1, UserV1>('auth.user.change.v1', ChangeUserV1);
