import type { RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

/** Deletes a repository that has no tag, with the manifests and blobs that it has. */
export class DeleteRepositoryV1 {
  @IsRepositoryName()
  repository!: RepositoryName;
}

/** REPOSITORY_UNKNOWN, REPOSITORY_NOT_EMPTY; BUSY where pushes go on all the time: another try goes on where this ended. */
export const DELETE_REPOSITORY = defineRequest<DeleteRepositoryV1, { repository: RepositoryName }>(
  'registry.repository.delete.v1',
  DeleteRepositoryV1,
  // A hundred thousand manifests take a minute.
  { timeoutMs: 300_000 },
);
