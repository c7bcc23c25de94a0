import { ArrayMaxSize, IsArray, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks whether objects are there, and how large. Asked only by gc-worker. */
export class StatObjectsV1 {
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  objectKeys!: string[];
}

/** In the order of the keys: bytes, or null where the store says that there is no such object. */
export interface ObjectSizesV1 {
  sizes: (number | null)[];
}

/** UNAVAILABLE where the store does not answer for one of them. */
export const STAT_OBJECTS = defineRequest<StatObjectsV1, ObjectSizesV1>('storage.object.stat.v1', StatObjectsV1, {
  timeoutMs: 60_000,
});
