import { manifestInvalid } from './errors.js';

declare const tagBrand: unique symbol;

/** A mutable name for a manifest within its repository, case-sensitive. Spec: distribution-spec "Pulling manifests". */
export type Tag = string & { readonly [tagBrand]: true };

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Whether `s` is a tag as `parseTag` takes it. */
export function isTag(s: unknown): s is Tag {
  return typeof s === 'string' && TAG.test(s);
}

/** The tag in `s`. Throws MANIFEST_INVALID, as the spec has no TAG_INVALID; a GET may answer MANIFEST_UNKNOWN. */
export function parseTag(s: string): Tag {
  if (!isTag(s)) throw manifestInvalid('the tag does not match the grammar', { tag: s });
  return s;
}
