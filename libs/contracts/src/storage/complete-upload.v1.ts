import type { Digest } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsDigest } from '../field-validators.js';
import type { CompletedObject } from './completed-object.js';
import { UploadSessionRef } from './upload-session.js';

/** Makes the session's object whole and compares its digest. The session stays until the blob's row is committed. */
export class CompleteUploadV1 extends UploadSessionRef {
  @IsDigest()
  digest!: Digest;
}

/** BLOB_UPLOAD_UNKNOWN, DIGEST_INVALID. */
export const COMPLETE_UPLOAD = defineRequest<CompleteUploadV1, CompletedObject>(
  'storage.upload.complete.v1',
  CompleteUploadV1,
  { timeoutMs: 290_000 },
);
