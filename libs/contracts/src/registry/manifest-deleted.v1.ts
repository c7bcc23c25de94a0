import type { Digest, RepositoryName } from '@berth/oci';
import { defineEvent } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

/** A manifest went, and with it its tags; what it referenced is queued for review. */
export class ManifestDeletedV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsDigest()
  digest!: Digest;
}

export const MANIFEST_DELETED = defineEvent('registry.manifest.deleted.v1', ManifestDeletedV1);
