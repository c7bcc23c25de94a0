import { IsOptional, Matches } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks who or what had a credential or a right changed. Gateways ask each second. */
export class ListAccessChangesV1 {
  /** The `position` of the answer before; absent: all that is still kept. */
  @IsOptional()
  @Matches(/^\d{1,18}$/)
  since?: string;
}

export interface AccessChangeV1 {
  /** `user:<id>`, `repository:<path>`, or `organisation:<name>` for all repositories of it. */
  subject: string;
  /** Another with each change of the subject. */
  transaction: string;
}

export interface AccessChangesV1 {
  /** Each that was committed since, and possibly some of those before once more. */
  changes: AccessChangeV1[];
  /** False where there are more than `MAX_ACCESS_CHANGES`: then anything may have changed. */
  complete: boolean;
  position: string;
  /** The database's clock, in milliseconds since 1970: what is listed was committed by then. */
  now: number;
}

/** So many subjects, each of 300 bytes at most, are a message that every NATS carries. */
export const MAX_ACCESS_CHANGES = 2_000;

export const LIST_ACCESS_CHANGES = defineRequest<ListAccessChangesV1, AccessChangesV1>(
  'auth.access-change.list.v1',
  ListAccessChangesV1,
  { timeoutMs: 2_000 },
);
