import type { DigestAlgorithm, RepositoryName } from '@berth/oci';
import { IsIn, IsOptional, IsUUID } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

/** Opens an upload session that any replica can continue. */
export class CreateUploadV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** What the bytes are hashed with as they pass. */
  @IsIn(['sha256', 'sha512'])
  algorithm!: DigestAlgorithm;

  /** Who alone may go on with it; absent in open mode. */
  @IsOptional()
  @IsUUID()
  ownerId?: string;
}

export const CREATE_UPLOAD = defineRequest<CreateUploadV1, { sessionId: string }>(
  'storage.upload.create.v1',
  CreateUploadV1,
);
