import type { DigestAlgorithm } from '@berth/oci';
import { IsBase64, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { LONGEST_OBJECT_KEY } from './stat-objects.v1.js';

/** No question reads more than so many bytes. */
export const MOST_HASHED_BYTES = 64 * 1024 * 1024;

/** Asks storage to hash some bytes of an object behind those that were hashed before. Asked only by gc-worker. */
export class HashObjectV1 {
  @IsString()
  @MaxLength(LONGEST_OBJECT_KEY)
  objectKey!: string;

  @IsIn(['sha256', 'sha512'])
  algorithm!: DigestAlgorithm;

  /** Of the whole object, as its row has it. */
  @IsInt()
  @Min(0)
  size!: number;

  @IsInt()
  @Min(0)
  offset!: number;

  @IsInt()
  @Min(1)
  @Max(MOST_HASHED_BYTES)
  length!: number;

  /** Over the bytes before `offset`: what the answer to them said. Absent at 0, or where only these bytes are asked for. */
  @IsOptional()
  @IsBase64()
  @MaxLength(2_048)
  state?: string;
}

/**
 * `hex`: all bytes are hashed. `state`: some are left. `found`: what is there is not an object of that size, or its bytes
 * cannot be read while the store answers for another key. `restart`: the state is of another version of storage.
 */
export type HashedObjectV1 =
  { hex: string } | { state: string } | { found: 'missing' | 'size' | 'unreadable' } | { restart: true };

/** UNAVAILABLE where the store does not answer, or this process hashes enough already. */
export const HASH_OBJECT = defineRequest<HashObjectV1, HashedObjectV1>('storage.object.hash.v1', HashObjectV1, {
  timeoutMs: 60_000,
});
