import type { RepositoryName, Tag } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsRepositoryName, IsTag } from '../field-validators.js';
import type { TagViewV1 } from './list-repository-tags.v1.js';

/** Asks for one tag with what it names. The asker has checked the right to read the repository. */
export class ShowTagV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsTag()
  tag!: Tag;
}

/** TAG_UNKNOWN, also where there is no such repository. */
export const SHOW_TAG = defineRequest<ShowTagV1, TagViewV1>('manage.tag.show.v1', ShowTagV1);
