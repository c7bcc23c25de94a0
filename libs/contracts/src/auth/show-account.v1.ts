import { IsUUID } from 'class-validator';
import { defineRequest } from '../contract.js';
import type { AccountV1 } from './account.js';

/** Asks for an account, by an operator. */
export class ShowAccountV1 {
  @IsUUID()
  actorId!: string;

  @IsUUID()
  accountId!: string;
}

/** DENIED where the actor is no operator, NAME_UNKNOWN (404) where there is no such account. */
export const SHOW_ACCOUNT = defineRequest<ShowAccountV1, AccountV1>('auth.account.show.v1', ShowAccountV1);
