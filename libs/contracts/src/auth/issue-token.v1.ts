import type { Scope } from '@berth/oci';
import { IsArray, IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks for a bearer token. Without credentials it is one for an anonymous client. */
export class IssueTokenV1 {
  @IsOptional()
  @IsString()
  @MaxLength(256)
  username?: string;

  @IsOptional()
  @IsString()
  @MaxLength(4096)
  password?: string;

  @IsArray()
  scopes!: Scope[];
}

export interface IssuedTokenV1 {
  token: string;
  /** Seconds from `issuedAt`. */
  expiresIn: number;
  /** RFC 3339. */
  issuedAt: string;
}

/** Gives the intersection of what is asked and what is allowed. Wrong credentials: UNAUTHORIZED. */
export const ISSUE_TOKEN = defineRequest<IssueTokenV1, IssuedTokenV1>('auth.token.issue.v1', IssueTokenV1);
