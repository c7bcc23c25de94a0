import { createHash } from 'node:crypto';
import { registryError } from './errors.js';

declare const digestBrand: unique symbol;

/** A content address, `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. Spec: image-spec "Digests". */
export type Digest = string & { readonly [digestBrand]: true };

/** The algorithms we accept: the two that image-spec registers and clients use. */
export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** The digest in `s`. Throws DIGEST_INVALID on an unknown algorithm, a wrong length or upper-case hex. */
export function parseDigest(s: string): Digest {
  if (!isDigest(s)) throw registryError('DIGEST_INVALID', { digest: s });
  return s;
}

/** Whether `s` is a digest as `parseDigest` takes it; false for anything that is not a string. */
export function isDigest(s: unknown): s is Digest {
  return typeof s === 'string' && DIGEST.test(s);
}

/** The part before the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

/** The part after the colon, lower-case hex. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of bytes held in memory; blobs are hashed as they stream, elsewhere. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}
