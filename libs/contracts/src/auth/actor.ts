import { IsBoolean, IsString, IsUUID, MaxLength } from 'class-validator';

/** A user of the management API who was authenticated, however. */
export class Actor {
  @IsUUID()
  userId!: string;

  @IsString()
  @MaxLength(256)
  userName!: string;

  @IsUUID()
  accountId!: string;

  @IsString()
  @MaxLength(256)
  accountName!: string;

  /** Manages every organisation of its account. */
  @IsBoolean()
  isAdministrator!: boolean;
}
