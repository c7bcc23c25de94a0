import { type Digest, MAX_MEDIA_TYPE_LENGTH, type RepositoryName } from '@berth/oci';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsDigest, IsRepositoryName } from '../field-validators.js';

export const MAX_REFERRERS_PER_PAGE = 1_000;

/** A page of the manifests whose subject is a given one, in digest order. Spec: end-12a, end-12b. */
export class ListReferrersV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** Neither the subject nor the repository need exist. */
  @IsDigest()
  subject!: Digest;

  /** Only referrers of this type. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_MEDIA_TYPE_LENGTH)
  artifactType?: string;

  /** Referrers behind this digest, which need not exist; empty for the first page. */
  @IsString()
  @MaxLength(256)
  after!: string;

  @IsInt()
  @Min(0)
  @Max(MAX_REFERRERS_PER_PAGE)
  limit!: number;
}

/** A referrer as the list shows it: a descriptor, with nothing left out or added. */
export interface ReferrerV1 {
  mediaType: string;
  digest: Digest;
  size: number;
  /** The manifest's own, else an image's config type; an index may have none. */
  artifactType?: string;
  annotations?: Record<string, string>;
}

export interface ReferrerPageV1 {
  /** As many as asked for at most; fewer where their annotations are large. */
  referrers: ReferrerV1[];
  /** More referrers follow. */
  more: boolean;
}

/** Never fails for what does not exist: then the page is empty. */
export const LIST_REFERRERS = defineRequest<ListReferrersV1, ReferrerPageV1>(
  'registry.referrer.list.v1',
  ListReferrersV1,
);
