import type { UnfinishedObject } from '@berth/blob-store';
import type { CancelUploadV1, CreateUploadV1, FindUploadV1 } from '@berth/contracts';
import { UploadSessionStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { ObjectRemover } from '../object/object-remover.js';
import { ActiveAppends } from './active-appends.js';

@Injectable()
export class UploadSessionService {
  constructor(
    private readonly sessions: UploadSessionStore,
    private readonly active: ActiveAppends,
    private readonly remover: ObjectRemover,
  ) {}

  async create({ repository, algorithm, ownerId }: CreateUploadV1): Promise<{ sessionId: string }> {
    return { sessionId: await this.sessions.create(repository, algorithm, ownerId) };
  }

  async find(request: FindUploadV1): Promise<{ offset: number }> {
    const session = await this.sessions.find(request);
    if (!session) throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: request.sessionId });
    return { offset: session.offset };
  }

  /** The row goes first: an append that is under way can then no longer become true. */
  async cancel({ objectKey, ...key }: CancelUploadV1): Promise<{ sessionId: string }> {
    const { sessionId } = key;
    const session = await this.sessions.remove(key);
    if (!session) throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId });
    await this.active.stop(sessionId);
    if (session.object) this.remover.abortLater(session.object as UnfinishedObject);
    if (objectKey !== undefined) this.remover.deleteLater([objectKey]);
    return { sessionId };
  }
}
