import type { Scope } from '@berth/oci';
import { Type } from 'class-transformer';
import { IsArray, IsOptional, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import { Identity } from './identity.js';

/** Asks what of these scopes somebody is allowed now. The asker knows that it is this user. */
export class AuthorizeV1 {
  /** One of the two; without both: anonymous. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Identity)
  identity?: Identity;

  /** A user whom somebody else has authenticated: it must be enabled, and how it was authenticated is not asked. */
  @IsOptional()
  @IsId()
  userId?: string;

  @IsArray()
  scopes!: Scope[];
}

export interface AuthorizedV1 {
  access: Scope[];
  refused: Scope[];
}

/** UNAUTHORIZED where there is no such user, or it is disabled, or its credential is not good any more. */
export const AUTHORIZE = defineRequest<AuthorizeV1, AuthorizedV1>('auth.access.authorize.v1', AuthorizeV1);
