import type { RepositoryName } from '@berth/oci';
import { defineRequest } from '../contract.js';
import { IsRepositoryName } from '../field-validators.js';
import type { RepositoryViewV1 } from './repository-view.js';

/** Asks for one repository. The asker has checked the right to read it. */
export class ShowRepositoryV1 {
  @IsRepositoryName()
  repository!: RepositoryName;
}

/** REPOSITORY_UNKNOWN. Without tags. */
export const SHOW_REPOSITORY = defineRequest<ShowRepositoryV1, RepositoryViewV1>(
  'manage.repository.show.v1',
  ShowRepositoryV1,
);
