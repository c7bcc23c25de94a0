import { CREATE_UPLOAD, type StartedUploadV1, type StartUploadV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RepositoryBlobStore, RepositoryStore } from '@berth/metadata';
import type { Digest, RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { EnsureRepository } from '../repository/ensure-repository.js';

/** Mounts the blob where that is asked and possible, else opens a session. Spec: end-4a, end-11. */
@Injectable()
export class StartUpload {
  constructor(
    private readonly bus: MessageBus,
    private readonly blobs: RepositoryBlobStore,
    private readonly repositories: RepositoryStore,
    private readonly ensureRepository: EnsureRepository,
  ) {}

  async run({ repository, algorithm, mount, from, userId }: StartUploadV1): Promise<StartedUploadV1> {
    if (mount && from && (await this.mount(repository, from, mount, userId))) return { mounted: mount };
    return this.bus.request(CREATE_UPLOAD, { repository, algorithm, ...(userId !== undefined && { ownerId: userId }) });
  }

  private async mount(
    repository: RepositoryName,
    from: RepositoryName,
    digest: Digest,
    userId?: string,
  ): Promise<boolean> {
    if (await this.blobs.mount(repository, from, digest)) return true;
    if (await this.repositories.exists(repository)) return false;
    if (!(await this.blobs.find(from, digest))) return false;
    await this.ensureRepository.run(repository, userId);
    return this.blobs.mount(repository, from, digest);
  }
}
