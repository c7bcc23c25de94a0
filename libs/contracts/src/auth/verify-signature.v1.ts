import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, IsString, Matches, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import type { Actor } from './actor.js';

/** Asks whether a request was signed with the secret of an access key. The secret never leaves auth. */
export class VerifySignatureV1 {
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

/** Whose key it is. UNAUTHORIZED where the key is unknown, disabled or over, the signature another, or too old or too new. */
export const VERIFY_SIGNATURE = defineRequest<VerifySignatureV1, { actor: Actor }>(
  'auth.signature.verify.v1',
  VerifySignatureV1,
);
