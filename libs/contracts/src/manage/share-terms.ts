import { IsISO8601, IsString, MaxLength, ValidateIf } from 'class-validator';
import { IsRepositoryName } from '../field-validators.js';
import type { RepositoryName } from '@berth/oci';

export const MAX_SHARE_DESCRIPTION = 1_000;
export const LONGEST_ACCOUNT = 256;

/** With whom a repository is shared, and how. */
export class ShareTermsV1 {
  @IsRepositoryName()
  repository!: RepositoryName;

  /** The name of an account. */
  @IsString()
  @MaxLength(LONGEST_ACCOUNT)
  account!: string;

  /** A moment in its last day, in UTC, in ISO 8601; null: for ever. */
  @ValidateIf((terms: ShareTermsV1) => terms.deadline !== null)
  @IsISO8601()
  deadline!: string | null;

  @IsString()
  @MaxLength(MAX_SHARE_DESCRIPTION)
  description!: string;
}
