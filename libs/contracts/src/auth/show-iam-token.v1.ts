import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { IssuedIamTokenV1 } from './issue-iam-token.v1.js';

/** Asks whose a token of ISSUE_IAM_TOKEN is: by its user, by an administrator of its account or an operator. */
export class ShowIamTokenV1 {
  @IsId()
  actorId!: string;

  @IsString()
  @MaxLength(4096)
  token!: string;
}

/** NAME_UNKNOWN (404) where it is not valid now, or not for the actor to see. */
export const SHOW_IAM_TOKEN = defineRequest<ShowIamTokenV1, Omit<IssuedIamTokenV1, 'token'>>(
  'auth.iam-token.show.v1',
  ShowIamTokenV1,
);
