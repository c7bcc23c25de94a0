// class-transformer's decorators need it, whoever imports this first.
import 'reflect-metadata';
import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsBase64, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsReference, IsRepositoryName, IsTag } from '../field-validators.js';
import { Precondition } from './precondition.js';
import { Pusher } from './pusher.js';

/** Tags that one push by digest may set; the spec asks for at least 10. More would make `OCI-Tag` longer than headers may be. */
export const MAX_TAGS_PER_PUSH = 25;

/** Stores a manifest under its digest and moves tags to it: the reference where it is one, and `tags`. Spec: end-7a, end-7b. */
export class PutManifestV1 extends Pusher {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsReference()
  reference!: string;

  /** More tags to set, with a digest as the reference. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS_PER_PUSH)
  @IsTag({ each: true })
  tags?: Tag[];

  /** Of the tag that the reference is. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Precondition)
  precondition?: Precondition;

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

/**
 * MANIFEST_INVALID (412 where the precondition fails), DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN (with every missing digest):
 * then nothing is stored.
 */
export const PUT_MANIFEST = defineRequest<PutManifestV1, StoredManifestV1>('registry.manifest.put.v1', PutManifestV1);
