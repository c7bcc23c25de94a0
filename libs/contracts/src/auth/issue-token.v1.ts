import type { Scope } from '@berth/oci';
import { IsArray, IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks for a bearer token: for name and password, or for a refresh token. Without either it is one for anonymous. */
export class IssueTokenV1 {
  @IsOptional()
  @IsString()
  @MaxLength(256)
  username?: string;

  @IsOptional()
  @IsString()
  @MaxLength(4096)
  password?: string;

  @IsOptional()
  @IsString()
  @MaxLength(4096)
  refreshToken?: string;

  /** A refresh token as well, where name and password are given. A temporary access key gets none. */
  @IsOptional()
  @IsBoolean()
  offline?: boolean;

  @IsArray()
  scopes!: Scope[];

  /** Where it comes from, as the gateway counts clients: who gives wrong passwords is slowed. Empty: it is gone already. */
  @IsString()
  @MaxLength(64)
  address!: string;
}

export interface IssuedTokenV1 {
  token: string;
  /** Whose it is; absent where it is one for anonymous. */
  userId?: string;
  /** What the token allows. */
  access: Scope[];
  /** Seconds from `issuedAt`. */
  expiresIn: number;
  /** RFC 3339. */
  issuedAt: string;
  /** A new one where that was asked for, or the one that was given. */
  refreshToken?: string;
}

/** Gives the intersection of what is asked and what is allowed. Wrong credentials: as of AUTHENTICATE. */
export const ISSUE_TOKEN = defineRequest<IssueTokenV1, IssuedTokenV1>('auth.token.issue.v1', IssueTokenV1);
