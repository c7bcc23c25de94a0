import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';
import type { AccessKeyV1 } from './access-key.js';

export const MAX_DESCRIPTION = 255;

/** Makes an access key for the actor, or by an administrator for a user of its account. */
export class CreateAccessKeyV1 {
  @IsId()
  actorId!: string;

  /** Absent: the actor. */
  @IsOptional()
  @IsId()
  userId?: string;

  @IsString()
  @MaxLength(MAX_DESCRIPTION)
  description!: string;
}

export interface CreatedAccessKeyV1 extends AccessKeyV1 {
  /** Shown now and never again. */
  secretKey: string;
}

/** DENIED where that is not the actor's to do, or the user has `MAX_ACCESS_KEYS` already (409). */
export const CREATE_ACCESS_KEY = defineRequest<CreateAccessKeyV1, CreatedAccessKeyV1>(
  'auth.access-key.create.v1',
  CreateAccessKeyV1,
);

export const MAX_ACCESS_KEYS = 20;
