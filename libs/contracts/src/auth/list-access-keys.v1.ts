import { IsOptional } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { AccessKeyV1 } from './access-key.js';

/** Asks for the access keys of the actor, or by an administrator of a user of its account. */
export class ListAccessKeysV1 {
  @IsId()
  actorId!: string;

  /** Absent: the actor. */
  @IsOptional()
  @IsId()
  userId?: string;
}

/** The oldest first. DENIED where that is not the actor's to do. */
export const LIST_ACCESS_KEYS = defineRequest<ListAccessKeysV1, { accessKeys: AccessKeyV1[] }>(
  'auth.access-key.list.v1',
  ListAccessKeysV1,
);
