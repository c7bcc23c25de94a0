import { type Digest, parseDigest } from './digest.js';
import { parseTag, type Tag } from './tag.js';

/** What names a manifest in its repository: its digest or a tag, nothing else. */
export type Reference =
  { readonly kind: 'digest'; readonly digest: Digest } | { readonly kind: 'tag'; readonly tag: Tag };

/**
 * The reference in `s`: with a colon a digest (throws DIGEST_INVALID), else a tag (throws MANIFEST_INVALID).
 * Spec: distribution-spec "Pulling manifests".
 */
export function parseReference(s: string): Reference {
  return s.includes(':') ? { kind: 'digest', digest: parseDigest(s) } : { kind: 'tag', tag: parseTag(s) };
}
