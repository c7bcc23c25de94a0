import type { Digest, RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsDigest } from '../field-validators.js';
import { Reader } from './reader.js';

/** Asks for any repository that has the blob and that the reader may pull: a mount that names no source. Spec: end-11. */
export class FindMountSourceV1 extends Reader {
  @IsDigest()
  digest!: Digest;
}

/** Null where there is none, or none among the first thousand that have the blob. */
export const FIND_MOUNT_SOURCE = defineRequest<FindMountSourceV1, { repository: RepositoryName | null }>(
  'auth.repository.find-mount-source.v1',
  FindMountSourceV1,
);
