import { ArrayMaxSize, IsArray, IsString } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Deletes objects whose rows are gone. Idempotent. Asked only by gc-worker. */
export class DeleteObjectsV1 {
  @IsArray()
  @ArrayMaxSize(1000)
  @IsString({ each: true })
  objectKeys!: string[];
}

export interface DeletedObjectsV1 {
  failed: { objectKey: string; reason: string }[];
}

export const DELETE_OBJECTS = defineRequest<DeleteObjectsV1, DeletedObjectsV1>(
  'storage.object.delete.v1',
  DeleteObjectsV1,
  {
    timeoutMs: 120_000,
  },
);
