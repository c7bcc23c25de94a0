import { COMPLETE_UPLOAD, type CommittedUploadV1, type CommitUploadV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type CompletedUpload, RepositoryBlobStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { EnsureRepository } from '../repository/ensure-repository.js';

/**
 * The blob becomes true: storage has the bytes whole and hashing right before the one transaction that ends the session
 * and inserts blob, link and lease. A digest that differs is DIGEST_INVALID. Spec: end-6.
 */
@Injectable()
export class CommitUpload {
  constructor(
    private readonly bus: MessageBus,
    private readonly blobs: RepositoryBlobStore,
    private readonly ensureRepository: EnsureRepository,
  ) {}

  async run({ repository, sessionId, digest, userId }: CommitUploadV1): Promise<CommittedUploadV1> {
    const object = await this.bus.request(COMPLETE_UPLOAD, { repository, sessionId, digest });
    const upload = { repository, sessionId, digest, ...object };
    if (!(await this.commit(upload))) {
      await this.ensureRepository.run(repository, userId);
      if (!(await this.commit(upload))) throw registryError('NAME_UNKNOWN', { name: repository });
    }
    return { digest, size: object.size };
  }

  /** False where the repository does not exist yet. */
  private async commit(upload: CompletedUpload): Promise<boolean> {
    const outcome = await this.blobs.commitUpload(upload);
    if (outcome === 'session-unknown') throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: upload.sessionId });
    return outcome === 'committed';
  }
}
