import type { Digest, RepositoryName } from '@berth/oci';
import { IsArray, IsString } from 'class-validator';
import { defineEvent } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

/** A manifest was stored, and these tags now name it. */
export class ManifestPushedV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsDigest()
  digest!: Digest;

  @IsString()
  mediaType!: string;

  @IsArray()
  tags!: string[];
}

export const MANIFEST_PUSHED = defineEvent('registry.manifest.pushed.v1', ManifestPushedV1);
