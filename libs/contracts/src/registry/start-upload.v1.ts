import type { Digest, DigestAlgorithm, RepositoryName } from '@berth/oci';
import { IsIn, IsOptional } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';
import { Pusher } from './pusher.js';

/** Starts a blob upload, or avoids it by mounting a blob that another repository has. Spec: end-4a, end-4b, end-11. */
export class StartUploadV1 extends Pusher {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsIn(['sha256', 'sha512'])
  algorithm!: DigestAlgorithm;

  @IsOptional()
  @IsDigest()
  mount?: Digest;

  /** Where to mount from. The asker has checked that the client may pull from it. */
  @IsOptional()
  @IsRepositoryName()
  from?: RepositoryName;
}

export type StartedUploadV1 = { mounted: Digest } | { sessionId: string };

export const START_UPLOAD = defineRequest<StartUploadV1, StartedUploadV1>('registry.upload.start.v1', StartUploadV1);
