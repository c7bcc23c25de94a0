import type { DeleteBlobV1, FindBlobV1, FoundBlobV1 } from '@berth/contracts';
import { RepositoryBlobStore } from '@berth/metadata';
import { type Digest, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';

@Injectable()
export class BlobService {
  constructor(
    private readonly blobs: RepositoryBlobStore,
    private readonly events: Events,
  ) {}

  async find({ repository, digest, lease }: FindBlobV1): Promise<FoundBlobV1> {
    const blob = lease ? await this.blobs.findAndLease(repository, digest) : await this.blobs.find(repository, digest);
    if (!blob) throw registryError('BLOB_UNKNOWN', { digest });
    return blob;
  }

  /** A blob that a manifest references stays: a manifest that is served has all its parts. */
  async delete({ repository, digest }: DeleteBlobV1): Promise<{ digest: Digest }> {
    const outcome = await this.blobs.unlink(repository, digest);
    if (outcome === 'unknown') throw registryError('BLOB_UNKNOWN', { digest });
    if (outcome === 'referenced') {
      throw registryError(
        'UNSUPPORTED',
        { digest },
        { message: 'a manifest references the blob: delete that first', headers: { allow: 'GET, HEAD' } },
      );
    }
    this.events.garbageQueued();
    return { digest };
  }
}
