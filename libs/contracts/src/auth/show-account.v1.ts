import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { AccountV1 } from './account.js';

/** Asks for an account, by an operator. */
export class ShowAccountV1 {
  @IsId()
  actorId!: string;

  @IsId()
  accountId!: string;
}

/** DENIED where the actor is no operator, NAME_UNKNOWN (404) where there is no such account. */
export const SHOW_ACCOUNT = defineRequest<ShowAccountV1, AccountV1>('auth.account.show.v1', ShowAccountV1);
