// class-transformer's decorators need it, whoever imports this first.
import 'reflect-metadata';
import { ArrayMaxSize, IsArray, IsOptional } from 'class-validator';
import { IsEntityTag } from '../field-validators.js';

/** Entity tags are digests; in 16 KiB of headers there is no room for as many. */
const MAX_ENTITY_TAGS = 256;

/** What the reference must name at the moment of the change. Both must hold where both are there. RFC 9110 section 13.1. */
export class Precondition {
  /** If-Match: one of these digests, `*` for whatever it names. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ENTITY_TAGS)
  @IsEntityTag({ each: true })
  ifMatch?: string[];

  /** If-None-Match: none of these digests, `*` for nothing at all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ENTITY_TAGS)
  @IsEntityTag({ each: true })
  ifNoneMatch?: string[];
}
