import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks for a URL of the object store itself, which reads one object without further credentials for a while. */
export class PresignReadV1 {
  @IsString()
  @MaxLength(256)
  objectKey!: string;
}

export interface PresignedReadV1 {
  /** Null where the store has no URLs: a folder has none. */
  url: string | null;
  /** Seconds from now. Whoever has the URL may read with it until then: it is not to be logged. */
  expiresIn: number;
}

export const PRESIGN_READ = defineRequest<PresignReadV1, PresignedReadV1>(
  'storage.object.presign-read.v1',
  PresignReadV1,
);
