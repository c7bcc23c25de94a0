import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min, ValidateIf } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { type AccountV1, MAX_ORGANISATION_QUOTA } from './account.js';
import { MAX_DESCRIPTION } from './create-access-key.v1.js';

/** Changes what is given of an account, by an operator. */
export class ChangeAccountV1 {
  @IsId()
  actorId!: string;

  @IsId()
  accountId!: string;

  @IsOptional()
  @IsBoolean()
  isEnabled?: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description?: string;

  /** Null: no limit. */
  @ValidateIf(({ organisationQuota }: ChangeAccountV1) => (organisationQuota ?? null) !== null)
  @IsInt()
  @Min(0)
  @Max(MAX_ORGANISATION_QUOTA)
  organisationQuota?: number | null;
}

/**
 * DENIED where the actor is no operator, or the first account would be disabled (409). NAME_UNKNOWN (404) where there is no
 * such account.
 */
export const CHANGE_ACCOUNT = defineRequest<ChangeAccountV1, AccountV1>('auth.account.change.v1', ChangeAccountV1);
