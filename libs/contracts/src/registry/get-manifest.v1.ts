import type { Digest, RepositoryName } from '@berth/oci';
import { ArrayMaxSize, IsArray, IsBoolean, IsOptional } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsReference, IsRepositoryName } from '../field-validators.js';

/** Reads a manifest by tag or digest. Spec: end-3. */
export class GetManifestV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsReference()
  reference!: string;

  /** Digests whose bytes the asker has: for these the payload stays out of the reply. */
  @IsArray()
  @ArrayMaxSize(8)
  @IsDigest({ each: true })
  known!: Digest[];

  /** Who may push, and asks by digest, may refer to the manifest for the length of a lease. */
  @IsOptional()
  @IsBoolean()
  lease?: boolean;
}

export interface FoundManifestV1 {
  digest: Digest;
  mediaType: string;
  size: number;
  /** base64; null where the digest was among `known`. */
  payload: string | null;
}

/** MANIFEST_UNKNOWN, or NAME_UNKNOWN where there is no such repository. */
export const GET_MANIFEST = defineRequest<GetManifestV1, FoundManifestV1>('registry.manifest.get.v1', GetManifestV1);
