import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { Actor } from './actor.js';

/** Asks for a token of the management API, for a user's password. */
export class IssueIamTokenV1 {
  @IsString()
  @MaxLength(256)
  accountName!: string;

  @IsString()
  @MaxLength(256)
  userName!: string;

  @IsString()
  @MaxLength(4096)
  password!: string;

  /** Where it comes from, as the gateway counts clients: who gives wrong passwords is slowed. Empty: it is gone already. */
  @IsString()
  @MaxLength(64)
  address!: string;

  @IsIn(['account', 'project'])
  scope!: 'account' | 'project';

  /** The account that the scope names, by its id or its name: it must be the user's. */
  @IsOptional()
  @IsId()
  scopeAccountId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  scopeAccountName?: string;

  /** The project by one of the two; without either the account's first. */
  @IsOptional()
  @IsId()
  projectId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  projectName?: string;
}

export interface ProjectV1 {
  id: string;
  name: string;
}

export interface IssuedIamTokenV1 {
  token: string;
  actor: Actor;
  /** Null for an account's scope. */
  project: ProjectV1 | null;
  /** RFC 3339. */
  issuedAt: string;
  expiresAt: string;
}

/**
 * UNAUTHORIZED where name and password are not an enabled user's of that account, TOOMANYREQUESTS as of AUTHENTICATE. Where they
 * are: DENIED where the scope names another account, be there one or not, NAME_UNKNOWN where the account has no such project.
 */
export const ISSUE_IAM_TOKEN = defineRequest<IssueIamTokenV1, IssuedIamTokenV1>(
  'auth.iam-token.issue.v1',
  IssueIamTokenV1,
);
