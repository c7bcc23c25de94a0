import type { Digest, Reference, RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

const CACHED_BYTES = 64 * 1024 * 1024;
const TAGS_REMEMBERED = 50_000;

/**
 * Bytes of manifests by their digest, which never change. Whether a repository has a manifest is never answered from
 * here: that is always asked.
 */
@Injectable()
export class ManifestCache {
  private readonly payloads = new LRUCache<Digest, Buffer>({
    maxSize: CACHED_BYTES,
    sizeCalculation: (payload) => payload.length + 1,
  });
  /** What a tag named last: a guess that saves sending the bytes when it is still right. */
  private readonly lastDigest = new LRUCache<string, Digest>({ max: TAGS_REMEMBERED });

  get(digest: Digest): Buffer | undefined {
    return this.payloads.get(digest);
  }

  /** Digests that the reference may turn out to name and whose bytes are here. */
  knownFor(repository: RepositoryName, reference: Reference): Digest[] {
    const digest =
      reference.kind === 'digest' ? reference.digest : this.lastDigest.get(`${repository}:${reference.tag}`);
    return digest !== undefined && this.payloads.has(digest) ? [digest] : [];
  }

  remember(repository: RepositoryName, reference: Reference, digest: Digest, payload: Buffer): void {
    this.payloads.set(digest, payload);
    if (reference.kind === 'tag') this.lastDigest.set(`${repository}:${reference.tag}`, digest);
  }
}
