import type { Digest } from '@berth/oci';
import { IsInt, IsOptional, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest } from '../field-validators.js';
import type { CompletedObject } from './completed-object.js';
import { UploadSessionRef } from './upload-session.js';

/** Asks for the right to send the next bytes of a session, once. */
export class GrantAppendV1 extends UploadSessionRef {
  /** Where the client says its chunk starts; absent: where the session stands. */
  @IsOptional()
  @IsInt()
  @Min(0)
  start?: number;

  /** How many bytes the client says that it sends; absent: it does not say. */
  @IsOptional()
  @IsInt()
  @Min(1)
  length?: number;

  /** Present where no byte follows this request's: the digest of the whole. */
  @IsOptional()
  @IsDigest()
  digest?: Digest;
}

export interface AppendGrantV1 {
  /** Where to send the bytes: a data-plane URL with the grant in it. */
  url: string;
  offset: number;
}

/** What the data plane answers to an append. */
export interface AppendedV1 {
  offset: number;
  /** Present where the object is whole already and hashes to the digest of the grant. */
  completed?: CompletedObject;
}

/** BLOB_UPLOAD_UNKNOWN; BLOB_UPLOAD_INVALID (416) where `start` is not the offset, and the session stays usable. */
export const GRANT_APPEND = defineRequest<GrantAppendV1, AppendGrantV1>(
  'storage.upload.grant-append.v1',
  GrantAppendV1,
);
