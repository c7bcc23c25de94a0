import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { UploadSessionRef } from './upload-session.js';

/** Ends a session and removes what it stored. Spec: end-14. */
export class CancelUploadV1 extends UploadSessionRef {
  /** An object that was completed for the session and that no row will refer to. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  objectKey?: string;
}

export const CANCEL_UPLOAD = defineRequest<CancelUploadV1, { sessionId: string }>(
  'storage.upload.cancel.v1',
  CancelUploadV1,
);
