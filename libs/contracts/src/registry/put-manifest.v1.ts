import type { Digest, RepositoryName } from '@berth/oci';
import { IsBase64, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsReference, IsRepositoryName } from '../field-validators.js';
import { Pusher } from './pusher.js';

/** Stores a manifest under its digest and, where the reference is a tag, moves that tag to it. Spec: end-7. */
export class PutManifestV1 extends Pusher {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsReference()
  reference!: string;

  /** The request's Content-Type; empty where there was none. */
  @IsString()
  @MaxLength(256)
  contentType!: string;

  /** The exact bytes, base64: manifests are metadata, bounded by a setting; blobs never ride the bus. */
  @IsBase64()
  payload!: string;
}

export interface StoredManifestV1 {
  digest: Digest;
  /** The subject that the manifest names, whether it exists or not. */
  subject: Digest | null;
}

/** MANIFEST_INVALID, DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN (with every missing digest): then nothing is stored. */
export const PUT_MANIFEST = defineRequest<PutManifestV1, StoredManifestV1>('registry.manifest.put.v1', PutManifestV1);
