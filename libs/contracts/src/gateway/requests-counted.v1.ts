import { ArrayMaxSize, IsInt, IsString, IsUUID, Max, MaxLength, Min } from 'class-validator';
import { defineBroadcast } from '../contract.js';

export const MAX_KEYS_COUNTED = 2_000;

/** What one gateway has admitted since it last told, for the rate limits of the others. */
export class RequestsCountedV1 {
  /** The process that counted. It hears itself too. */
  @IsUUID()
  gateway!: string;

  /** Who asked: opaque to all but the limits. */
  @ArrayMaxSize(MAX_KEYS_COUNTED)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  keys!: string[];

  /** How often, in the order of the keys. */
  @ArrayMaxSize(MAX_KEYS_COUNTED)
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(1_000_000_000, { each: true })
  requests!: number[];
}

export const REQUESTS_COUNTED = defineBroadcast<RequestsCountedV1>('gateway.requests-counted.v1', RequestsCountedV1);
