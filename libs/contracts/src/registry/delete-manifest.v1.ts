import type { RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsReference, IsRepositoryName } from '../field-validators.js';

/** Deletes a tag, or by digest a manifest with every tag of it. Spec: end-9. */
export class DeleteManifestV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsReference()
  reference!: string;
}

/** MANIFEST_UNKNOWN, or DENIED (405) while an index refers to the manifest. */
export const DELETE_MANIFEST = defineRequest<DeleteManifestV1, { reference: string }>(
  'registry.manifest.delete.v1',
  DeleteManifestV1,
);
