import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { IsBoolean } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsRepositoryName, IsTag } from '../field-validators.js';

/** Gives another tag to what a tag names. */
export class RetagV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsTag()
  source!: Tag;

  @IsTag()
  destination!: Tag;

  /** Moves the destination where it is there already. */
  @IsBoolean()
  override!: boolean;
}

/** REPOSITORY_UNKNOWN; TAG_UNKNOWN of the source; TAG_EXISTS of the destination; BUSY. */
export const RETAG = defineRequest<RetagV1, { digest: Digest }>('registry.tag.retag.v1', RetagV1);
