import { createCipheriv, createHash, randomBytes } from 'node:crypto';

export const MEDIA_TYPE = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  empty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  dockerSchema1Signed: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
  buildkitCacheConfig: 'application/vnd.buildkit.cacheconfig.v0',
} as const;

/** What manifests say of content. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** Content with its descriptor. */
export interface Blob extends Descriptor {
  bytes: Buffer;
}

/** Computed here and not by the code under test. */
export function digestOf(bytes: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export function blobOf(bytes: Buffer | string, mediaType = 'application/octet-stream'): Blob {
  const buffer = Buffer.from(bytes);
  return { mediaType, digest: digestOf(buffer), size: buffer.length, bytes: buffer };
}

/** Incompressible bytes: other ones each time, or the same for the same seed. */
export function randomBlob(size: number, seed?: string): Blob {
  return blobOf(seed === undefined ? randomBytes(size) : seededBytes(size, seed));
}

export function seededBytes(size: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(size));
}

export function descriptorOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}
