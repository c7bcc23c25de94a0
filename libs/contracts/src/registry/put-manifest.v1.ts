// class-transformer's decorators need it, whoever imports this first.
import 'reflect-metadata';
import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsBase64, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsEntityTag, IsReference, IsRepositoryName, IsTag } from '../field-validators.js';
import { Pusher } from './pusher.js';

/** Tags that one push by digest may set; the spec asks for at least 10. */
export const MAX_TAGS_PER_PUSH = 100;

/** Entity tags are digests; in 16 KiB of headers there is no room for as many. */
const MAX_ENTITY_TAGS = 256;

/** What the tag must name at the moment of the push. Both must hold where both are there. RFC 9110 section 13.1. */
export class TagPrecondition {
  /** If-Match: one of these digests, `*` for whatever it names. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ENTITY_TAGS)
  @IsEntityTag({ each: true })
  ifMatch?: string[];

  /** If-None-Match: none of these digests, `*` for nothing at all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ENTITY_TAGS)
  @IsEntityTag({ each: true })
  ifNoneMatch?: string[];
}

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
  @Type(() => TagPrecondition)
  precondition?: TagPrecondition;

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
