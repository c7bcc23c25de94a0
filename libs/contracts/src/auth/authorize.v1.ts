import type { Scope } from '@berth/oci';
import { IsArray, IsUUID } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks what of these scopes a user is allowed now. The asker knows that it is this user. */
export class AuthorizeV1 {
  @IsUUID()
  userId!: string;

  @IsArray()
  scopes!: Scope[];
}

export interface AuthorizedV1 {
  access: Scope[];
  refused: Scope[];
}

/** UNAUTHORIZED where there is no such user, or it is disabled. */
export const AUTHORIZE = defineRequest<AuthorizeV1, AuthorizedV1>('auth.access.authorize.v1', AuthorizeV1);
