import type { RepositoryName } from '@berth/oci';
import { IsInt, IsOptional, IsUUID } from 'class-validator';
import { IsRepositoryName } from '../field-validators.js';

/** A session is only ever named together with its repository and its owner: those of others do not exist. */
export class UploadSessionRef {
  @IsRepositoryName()
  repository!: RepositoryName;

  @IsUUID()
  sessionId!: string;

  /** Who goes on with it, and so must have started it; absent in open mode. */
  @IsOptional()
  @IsUUID()
  ownerId?: string;

  /** Seconds since 1970: a session that started later does not exist. The end of a token that is over. */
  @IsOptional()
  @IsInt()
  startedBy?: number;
}
