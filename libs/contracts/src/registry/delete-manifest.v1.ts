// class-transformer's decorators need it, whoever imports this first.
import 'reflect-metadata';
import type { RepositoryName } from '@berth/oci';
import { Type } from 'class-transformer';
import { IsOptional, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsReference, IsRepositoryName } from '../field-validators.js';
import { Precondition } from './precondition.js';

/** Deletes a tag, or by digest a manifest with every tag of it. Spec: end-9. */
export class DeleteManifestV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsReference()
  reference!: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Precondition)
  precondition?: Precondition;
}

/**
 * MANIFEST_UNKNOWN, MANIFEST_INVALID (412) where the precondition fails, or UNSUPPORTED (405) while an index refers to the
 * manifest: then nothing is deleted.
 */
export const DELETE_MANIFEST = defineRequest<DeleteManifestV1, { reference: string }>(
  'registry.manifest.delete.v1',
  DeleteManifestV1,
);
