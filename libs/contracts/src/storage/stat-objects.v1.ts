import { ArrayMaxSize, IsArray, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** No key that storage gives is longer. */
export const LONGEST_OBJECT_KEY = 1_024;

/** Asks whether objects are there, and how large. Asked only by gc-worker. */
export class StatObjectsV1 {
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(LONGEST_OBJECT_KEY, { each: true })
  objectKeys!: string[];
}

/**
 * In the order of the keys: bytes, or null where the store says that there is no such object. `unreadable`: the store fails
 * at this one and answers for another, or no object can have this key.
 */
export interface ObjectSizesV1 {
  sizes: (number | 'unreadable' | null)[];
}

/** UNAVAILABLE where the store does not answer. */
export const STAT_OBJECTS = defineRequest<StatObjectsV1, ObjectSizesV1>('storage.object.stat.v1', StatObjectsV1, {
  timeoutMs: 60_000,
});
