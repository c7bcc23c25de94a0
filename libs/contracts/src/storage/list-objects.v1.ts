import { IsBoolean, IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { LONGEST_OBJECT_KEY } from './stat-objects.v1.js';

/** Asks what the object store has, in key order. Asked only by gc-worker. */
export class ListObjectsV1 {
  /** Behind this key, which need not exist. */
  @IsString()
  @MaxLength(LONGEST_OBJECT_KEY)
  after!: string;

  @IsInt()
  @Min(1)
  @Max(1_000)
  limit!: number;

  /** Instead of objects: the uploads that the store keeps beside them (S3's multipart uploads). */
  @IsBoolean()
  hidden!: boolean;
}

export interface ListedObjectsV1 {
  /** `modified`: milliseconds since 1970, by the clock of the store. `isOurs`: storage could have made such a key. */
  objects: { key: string; size: number; modified: number; isOurs: boolean }[];
  /** Nothing is behind the last of them. */
  isEnd: boolean;
}

/** UNAVAILABLE where the store does not answer: an answer without objects means that there are none. */
export const LIST_OBJECTS = defineRequest<ListObjectsV1, ListedObjectsV1>('storage.object.list.v1', ListObjectsV1, {
  timeoutMs: 60_000,
});
