import type { Digest, RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

/** Takes a blob out of a repository. Spec: end-10. */
export class DeleteBlobV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsDigest()
  digest!: Digest;
}

/** BLOB_UNKNOWN, or UNSUPPORTED (405) while a manifest of the repository references it. */
export const DELETE_BLOB = defineRequest<DeleteBlobV1, { digest: Digest }>('registry.blob.delete.v1', DeleteBlobV1);
