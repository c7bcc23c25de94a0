import { IsBoolean, IsString, MaxLength } from 'class-validator';
import { IsId } from '../field-validators.js';

/** A user of the management API who was authenticated, however. */
export class Actor {
  @IsId()
  userId!: string;

  @IsString()
  @MaxLength(256)
  userName!: string;

  @IsId()
  accountId!: string;

  @IsString()
  @MaxLength(256)
  accountName!: string;

  /** Manages every organisation of its account. */
  @IsBoolean()
  isAdministrator!: boolean;
}
