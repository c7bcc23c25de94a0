import { IsBoolean, IsOptional, IsUUID } from 'class-validator';

/** Whose right to pull counts. Without a user, or where the user is gone or disabled: what is public. */
export class Reader {
  @IsOptional()
  @IsUUID()
  userId?: string;

  /** Open mode: everybody reads everything. */
  @IsOptional()
  @IsBoolean()
  everything?: boolean;
}
