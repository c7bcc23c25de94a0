import { ArrayMaxSize, IsArray, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Removes every trace of uploads that no session knows, by their keys. Idempotent. Asked only by gc-worker. */
export class AbortObjectsV1 {
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  objectKeys!: string[];
}

export interface AbortedObjectsV1 {
  failed: { objectKey: string; reason: string }[];
}

export const ABORT_OBJECTS = defineRequest<AbortObjectsV1, AbortedObjectsV1>(
  'storage.object.abort.v1',
  AbortObjectsV1,
  {
    timeoutMs: 120_000,
  },
);
