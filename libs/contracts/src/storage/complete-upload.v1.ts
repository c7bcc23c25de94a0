import type { Digest } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsDigest } from '../field-validators.js';
import { UploadSessionRef } from './upload-session.js';

/** Makes the session's object whole and compares its digest. The session stays until the blob's row is committed. */
export class CompleteUploadV1 extends UploadSessionRef {
  @IsDigest()
  digest!: Digest;
}

export interface CompletedUploadV1 {
  /** The right to end the session, taken from whoever held it. */
  claim: string;
  objectKey: string;
  size: number;
}

/** BLOB_UPLOAD_UNKNOWN, DIGEST_INVALID. */
export const COMPLETE_UPLOAD = defineRequest<CompleteUploadV1, CompletedUploadV1>(
  'storage.upload.complete.v1',
  CompleteUploadV1,
  { timeoutMs: 290_000 },
);
