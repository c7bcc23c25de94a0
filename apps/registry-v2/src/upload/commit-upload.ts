import { CANCEL_UPLOAD, COMPLETE_UPLOAD, type CommittedUploadV1, type CommitUploadV1 } from '@berth/contracts';
import { askAgain, MessageBus } from '@berth/messaging';
import { type CompletedUpload, RepositoryBlobStore } from '@berth/metadata';
import { RegistryError, registryError } from '@berth/oci';
import { Injectable, Logger } from '@nestjs/common';
import { Events } from '../event/events.js';
import { EnsureRepository } from '../repository/ensure-repository.js';

/**
 * Completing a large object may take minutes; a storage process that died with the question is to be noticed sooner. One
 * that is alive loses nothing by being asked again: it goes on, and so does whichever other process is asked.
 */
const COMPLETION_WAITS_MS = [10_000, 60_000, 240_000];

/**
 * The blob becomes true: storage has the bytes whole and hashing right before the one transaction that ends the session
 * and inserts blob, link and lease. A digest that differs is DIGEST_INVALID. Spec: end-6.
 */
@Injectable()
export class CommitUpload {
  private readonly logger = new Logger(CommitUpload.name);

  constructor(
    private readonly bus: MessageBus,
    private readonly blobs: RepositoryBlobStore,
    private readonly ensureRepository: EnsureRepository,
    private readonly events: Events,
  ) {}

  async run(request: CommitUploadV1): Promise<CommittedUploadV1> {
    try {
      return await this.commitSession(request);
    } catch (error) {
      const gone = error instanceof RegistryError && error.code === 'BLOB_UPLOAD_UNKNOWN';
      const blob = gone && request.again ? await this.blobs.findAndLease(request.repository, request.digest) : null;
      if (blob) return { digest: blob.digest, size: blob.size };
      throw error;
    }
  }

  private async commitSession(request: CommitUploadV1): Promise<CommittedUploadV1> {
    const { repository, sessionId, digest, userId } = request;
    const session = sessionOf(request);
    const ask = () => ({ ...session, digest });
    const object = request.completed ?? (await askAgain(this.bus, COMPLETE_UPLOAD, ask, COMPLETION_WAITS_MS));
    const upload = { repository, sessionId, digest, ...object };
    try {
      if (!(await this.commit(upload))) await this.commitFirst(upload, userId);
    } catch (error) {
      const code = error instanceof RegistryError ? error.code : null;
      if (code === 'DENIED') await this.giveUp(session, object.objectKey);
      else if (request.completed) await this.discard(upload, code, error);
      throw error;
    }
    return { digest, size: object.size };
  }

  private async commitFirst(upload: CompletedUpload, userId: string | undefined): Promise<void> {
    await this.ensureRepository.run(upload.repository, userId);
    if (!(await this.commit(upload))) throw registryError('NAME_UNKNOWN', { name: upload.repository });
  }

  /** The push may not make its repository: the object would otherwise stay without a row. */
  private async giveUp(session: ReturnType<typeof sessionOf>, objectKey: string): Promise<void> {
    await this.bus.request(CANCEL_UPLOAD, { ...session, objectKey });
  }

  /**
   * An object that only this question knows of; one of the session's row is the session's to remove. Where the commit was
   * not refused it may have happened unanswered, or be asked for again: then all that is safe is to name the object.
   */
  private async discard(upload: CompletedUpload, code: string | null, error: unknown): Promise<void> {
    if (code === 'BLOB_UPLOAD_UNKNOWN') {
      await this.blobs.discard(upload);
      this.events.garbageQueued();
      return;
    }
    const { objectKey, digest } = upload;
    this.logger.warn({ msg: 'commit failed: its object leaked unless a blob has it', objectKey, digest, err: error });
  }

  /** False where the repository does not exist yet. */
  private async commit(upload: CompletedUpload): Promise<boolean> {
    const outcome = await this.blobs.commitUpload(upload);
    if (outcome === 'session-unknown') throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: upload.sessionId });
    return outcome === 'committed';
  }
}

/** The session as storage is asked about it: the pusher's own. */
const sessionOf = ({ repository, sessionId, userId, startedBy }: CommitUploadV1) => ({
  repository,
  sessionId,
  ...(userId !== undefined && { ownerId: userId }),
  ...(startedBy !== undefined && { startedBy }),
});
