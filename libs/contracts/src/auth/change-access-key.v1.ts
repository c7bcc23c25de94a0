import { IsIn, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

/** Disables, enables or removes an access key of the actor's, or by an administrator one of a user of its account. */
export class ChangeAccessKeyV1 {
  @IsId()
  actorId!: string;

  @IsString()
  @MaxLength(64)
  accessKey!: string;

  @IsIn(['disable', 'enable', 'remove'])
  change!: 'disable' | 'enable' | 'remove';
}

/** NAME_UNKNOWN (404) where there is no such key, or it is not the actor's to change. */
export const CHANGE_ACCESS_KEY = defineRequest<ChangeAccessKeyV1, { accessKey: string }>(
  'auth.access-key.change.v1',
  ChangeAccessKeyV1,
);
