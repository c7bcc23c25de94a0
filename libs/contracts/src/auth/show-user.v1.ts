import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { UserV1 } from './account.js';

/** Asks for a user: oneself, or by an administrator of its account or an operator. */
export class ShowUserV1 {
  @IsId()
  actorId!: string;

  @IsId()
  userId!: string;
}

/** NAME_UNKNOWN (404) where there is no such user, or it is not for the actor to see. */
export const SHOW_USER = defineRequest<ShowUserV1, UserV1>('auth.user.show.v1', ShowUserV1);
