import { IsBoolean, IsString, Matches, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { ACCOUNT_NAME, type AccountV1 } from './account.js';
import { MAX_DESCRIPTION } from './create-access-key.v1.js';

/** Makes an account with the region's project, by an operator. */
export class CreateAccountV1 {
  @IsId()
  actorId!: string;

  @Matches(ACCOUNT_NAME)
  name!: string;

  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description!: string;

  @IsBoolean()
  isEnabled!: boolean;
}

/** DENIED where the actor is no operator, or the name is taken (409). */
export const CREATE_ACCOUNT = defineRequest<CreateAccountV1, AccountV1>('auth.account.create.v1', CreateAccountV1);
