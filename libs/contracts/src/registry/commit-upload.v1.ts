import type { Digest, RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, IsUUID, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';
import { CompletedObject } from '../storage/completed-object.js';
import { Pusher } from './pusher.js';

/** All bytes of a session are there: makes its blob true. Spec: end-6. */
export class CommitUploadV1 extends Pusher {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsUUID()
  sessionId!: string;

  @IsDigest()
  digest!: Digest;

  /** As in UploadSessionRef, whose owner is the pusher. */
  @IsOptional()
  @IsInt()
  startedBy?: number;

  /** What the data plane answered to the last bytes, where it has completed the object; otherwise storage is asked to. */
  @IsOptional()
  @ValidateNested()
  @Type(() => CompletedObject)
  completed?: CompletedObject;

  /** Asked before without an answer: a session that is gone may have been committed then. */
  @IsOptional()
  @IsBoolean()
  again?: boolean;
}

export interface CommittedUploadV1 {
  digest: Digest;
  size: number;
}

/** DIGEST_INVALID where the bytes hash to something else, BLOB_UPLOAD_UNKNOWN where the session is not this repository's or not the pusher's. */
export const COMMIT_UPLOAD = defineRequest<CommitUploadV1, CommittedUploadV1>(
  'registry.upload.commit.v1',
  CommitUploadV1,
  {
    // Completing a multipart object, or hashing one again that several processes wrote, takes the store its time.
    timeoutMs: 300_000,
  },
);
