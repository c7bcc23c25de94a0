import { IsBoolean, IsOptional } from 'class-validator';
import { IsId } from '../field-validators.js';

/** Whose right to pull counts. Without a user, or where the user is gone or disabled: what is public. */
export class Reader {
  @IsOptional()
  @IsId()
  userId?: string;

  /** Open mode: everybody reads everything. */
  @IsOptional()
  @IsBoolean()
  everything?: boolean;
}
