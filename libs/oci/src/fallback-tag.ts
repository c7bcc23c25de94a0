import { type Digest, digestAlgorithm, digestHex } from './digest.js';
import type { Tag } from './tag.js';

/**
 * The tag under which clients of registries without a referrers API keep the list of a manifest's referrers:
 * `<algorithm>-<hex>`, cut to 32 and 64 characters. Spec: distribution-spec "Referrers Tag Schema".
 */
export function fallbackTag(digest: Digest): Tag {
  return `${tagPart(digestAlgorithm(digest), 32)}-${tagPart(digestHex(digest), 64)}` as Tag;
}

function tagPart(text: string, length: number): string {
  return text.slice(0, length).replace(/[^A-Za-z0-9._-]/g, '-');
}
