import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { type AccountV1, MAX_PAGE } from './account.js';

/** Asks for a page of the accounts, by an operator. */
export class ListAccountsV1 {
  @IsId()
  actorId!: string;

  /** This one only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  name?: string;

  /** Accounts behind this name, which need not exist. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  after?: string;

  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit!: number;
}

/** By name; `more` where others follow. DENIED where the actor is no operator. */
export const LIST_ACCOUNTS = defineRequest<ListAccountsV1, { accounts: AccountV1[]; more: boolean }>(
  'auth.account.list.v1',
  ListAccountsV1,
);
