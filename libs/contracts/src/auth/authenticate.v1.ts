import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import type { Identity } from './identity.js';

/** Asks whose name and password these are. Costs a password hash: who asks remembers the answer. */
export class AuthenticateV1 {
  @IsString()
  @MaxLength(256)
  username!: string;

  @IsString()
  @MaxLength(4096)
  password!: string;

  /** Where it comes from, as the gateway counts clients: who gives wrong passwords is slowed. Empty: it is gone already. */
  @IsString()
  @MaxLength(64)
  address!: string;
}

/** UNAUTHORIZED where they are not those of an enabled user; TOOMANYREQUESTS, with Retry-After, where too many were wrong. */
export const AUTHENTICATE = defineRequest<AuthenticateV1, Identity>('auth.user.authenticate.v1', AuthenticateV1);
