import { IsString, Matches, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { LONGEST_PASSWORD, PASSWORD } from './account.js';

/** A user changes its own password. */
export class ChangePasswordV1 {
  @IsId()
  actorId!: string;

  @IsId()
  userId!: string;

  @IsString()
  @MaxLength(LONGEST_PASSWORD)
  originalPassword!: string;

  @Matches(PASSWORD)
  password!: string;

  /** Where it comes from, as the gateway counts clients: who gives wrong passwords is slowed. Empty: it is gone already. */
  @IsString()
  @MaxLength(64)
  address!: string;
}

/** NAME_UNKNOWN (404) where the user is not the actor, UNAUTHORIZED where the original password is wrong. */
export const CHANGE_PASSWORD = defineRequest<ChangePasswordV1, { userId: string }>(
  'auth.user.change-password.v1',
  ChangePasswordV1,
);
