import { IsString, MaxLength } from 'class-validator';
import { IsId } from '../field-validators.js';

/** A user, and the credential that it was authenticated by: both must still be good. */
export class Identity {
  @IsId()
  userId!: string;

  /** What auth calls the password or the access key. It tells nobody else anything. */
  @IsString()
  @MaxLength(64)
  credential!: string;
}
