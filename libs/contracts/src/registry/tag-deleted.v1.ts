import type { RepositoryName } from '@berth/oci';
import { IsString } from 'class-validator';
import { defineEvent } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';

/** A tag was deleted; the manifest it named is queued for review. */
export class TagDeletedV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsString()
  tag!: string;
}

export const TAG_DELETED = defineEvent('registry.tag.deleted.v1', TagDeletedV1);
