import { IsString, IsUUID, MaxLength } from 'class-validator';

/** A user, and the credential that it was authenticated by: both must still be good. */
export class Identity {
  @IsUUID()
  userId!: string;

  /** What auth calls the password or the access key. It tells nobody else anything. */
  @IsString()
  @MaxLength(64)
  credential!: string;
}
