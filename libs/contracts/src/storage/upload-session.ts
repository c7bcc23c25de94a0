import type { RepositoryName } from '@berth/oci';
import { IsUUID } from 'class-validator';
import { IsRepositoryName } from '../field-validators.js';

/** A session is only ever named together with its repository: another repository's session does not exist. */
export class UploadSessionRef {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsUUID()
  sessionId!: string;
}
