import type { Digest, RepositoryName } from '@berth/oci';
import { IsBoolean } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

/** Looks a blob up in a repository, to read it or to answer HEAD. Spec: end-2. */
export class FindBlobV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsDigest()
  digest!: Digest;

  /** After a HEAD the client may skip its upload, so the blob is protected for the length of a lease. */
  @IsBoolean()
  lease!: boolean;
}

export interface FoundBlobV1 {
  digest: Digest;
  size: number;
  /** What storage grants reads of. */
  objectKey: string;
}

/** BLOB_UNKNOWN where this repository does not have it. */
export const FIND_BLOB = defineRequest<FindBlobV1, FoundBlobV1>('registry.blob.find.v1', FindBlobV1);
