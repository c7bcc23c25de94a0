import { IsInt, IsString, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks for the right to read one object for a while. */
export class GrantReadV1 {
  @IsString()
  @MaxLength(256)
  objectKey!: string;

  @IsInt()
  @Min(0)
  size!: number;
}

export interface ReadGrantV1 {
  /** Where to read: a data-plane URL with the grant in it. */
  url: string;
  /** Seconds from now; the asker may use the grant again until then. */
  expiresIn: number;
}

export const GRANT_READ = defineRequest<GrantReadV1, ReadGrantV1>('storage.object.grant-read.v1', GrantReadV1);
