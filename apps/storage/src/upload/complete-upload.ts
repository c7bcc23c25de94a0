import { createHash, randomUUID } from 'node:crypto';
import { BlobStore, type UnfinishedObject } from '@berth/blob-store';
import type { CompletedObject, CompleteUploadV1 } from '@berth/contracts';
import { type UploadSessionKey, UploadSessionStore, type UploadSessionRow } from '@berth/metadata';
import { type Digest, digestAlgorithm, digestHex, type DigestAlgorithm, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { freshObjectKey } from '../object/object-key.js';
import { ObjectRemover } from '../object/object-remover.js';
import { ActiveAppends } from './active-appends.js';
import { RunningHashes } from './running-hashes.js';

/**
 * Makes a session's object whole and compares its digest. What was hashed as it passed is compared before, and then the
 * session stays open when it differs. What was not (several processes, another algorithm) is read back from the object.
 */
@Injectable()
export class CompleteUpload {
  constructor(
    private readonly sessions: UploadSessionStore,
    private readonly store: BlobStore,
    private readonly hashes: RunningHashes,
    private readonly active: ActiveAppends,
    private readonly remover: ObjectRemover,
  ) {}

  async run({ digest, ...key }: CompleteUploadV1): Promise<CompletedObject> {
    const { sessionId } = key;
    const claim = randomUUID();
    const session = await this.sessions.claim(key, claim, null);
    if (!session) throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId });
    await this.active.stop(sessionId);
    const algorithm = digestAlgorithm(digest);
    const passed = session.offset === 0 ? createHash(algorithm).digest('hex') : session[algorithm];
    if (passed !== null && passed !== digestHex(digest)) throw differs(digest, algorithm, passed);
    const { key: objectKey, obsolete } = await this.store.complete(await this.objectOf(session));
    this.remover.deleteLater(obsolete);
    if (passed === null) await this.compareStored(objectKey, digest, key);
    this.hashes.forget(sessionId);
    return { claim, objectKey, size: session.offset };
  }

  private async objectOf(session: UploadSessionRow): Promise<UnfinishedObject> {
    if (session.object !== null) return session.object as UnfinishedObject;
    const { object } = await this.store.append(null, freshObjectKey(), nothing(), { last: true });
    return object;
  }

  /** The object is whole and takes no more bytes: where it differs, the session ends with it. */
  private async compareStored(objectKey: string, digest: Digest, key: UploadSessionKey): Promise<void> {
    const algorithm = digestAlgorithm(digest);
    const hash = createHash(algorithm);
    for await (const chunk of await this.store.read(objectKey)) hash.update(chunk);
    const computed = hash.digest('hex');
    if (computed === digestHex(digest)) return;
    await this.sessions.remove(key);
    this.remover.deleteLater([objectKey]);
    throw differs(digest, algorithm, computed);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const differs = (provided: Digest, algorithm: DigestAlgorithm, computed: string) =>
  registryError('DIGEST_INVALID', { provided, computed: `${algorithm}:${computed}` });
