import type { RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import type { Actor } from './actor.js';
import { Identity } from './identity.js';

/** A request that somebody signed with an access key. The secret key is in auth, and never leaves it. */
export class SignedRequest {
  @IsString()
  @MaxLength(64)
  accessKey!: string;

  /** What may have been signed (`stringsToSign`): one of them must fit. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(4)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  candidates!: string[];

  @Matches(/^[0-9a-f]{64}$/)
  signature!: string;

  /** When the client says that it signed, in milliseconds since 1970. */
  @IsInt()
  @Min(0)
  signedAt!: number;
}

/** Asks who makes a request to the management API, and what they may do now with what its path names. */
export class DecideAccessV1 {
  /** One of the four: a token of ISSUE_IAM_TOKEN, a signature, whom AUTHENTICATE has told, or open mode. */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  token?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => SignedRequest)
  signed?: SignedRequest;

  /** The credential must still be good. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Identity)
  identity?: Identity;

  /** Open mode: everybody may do everything, and the first administrator stands for everybody. */
  @IsOptional()
  @IsBoolean()
  everything?: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(255)
  organisation?: string;

  /** Need not exist. */
  @IsOptional()
  @IsRepositoryName()
  repository?: RepositoryName;

  /** Whether the actor operates the installation is asked too. */
  @IsOptional()
  @IsBoolean()
  operator?: boolean;
}

/** 7 manage, 3 edit, 1 read, 0 nothing. */
export type AccessLevel = 7 | 3 | 1 | 0;

export interface DecidedAccessV1 {
  /** The user as it is now, not as it was when its token was made. */
  actor: Actor;
  /** By what it was authenticated, as in Identity. Absent in open mode, and for whoever holds the operator's key. */
  credential?: string;
  /** 0 where no organisation was asked about. */
  organisation: AccessLevel;
  /** 0 where no repository was asked about. */
  repository: AccessLevel;
  /** Absent where that was not asked. */
  isOperator?: boolean;
}

/**
 * UNAUTHORIZED where the credentials are not valid now, or not those of an enabled user. What does not exist gives 0, as
 * somebody else's does.
 */
export const DECIDE_ACCESS = defineRequest<DecideAccessV1, DecidedAccessV1>('auth.access.decide.v1', DecideAccessV1);
