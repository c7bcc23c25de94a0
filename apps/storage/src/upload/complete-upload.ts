import { createHash } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import { BlobStore, type UnfinishedObject } from '@berth/blob-store';
import type { CompletedObject, CompleteUploadV1 } from '@berth/contracts';
import { UploadSessionStore, type UploadSessionRow } from '@berth/metadata';
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  type DigestAlgorithm,
  RegistryError,
  registryError,
} from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { freshObjectKey } from '../object/object-key.js';
import { ObjectRemover } from '../object/object-remover.js';
import { ActiveAppends } from './active-appends.js';
import { ClaimKeeper } from './claim-keeper.js';
import { RunningHashes } from './running-hashes.js';

/** A read-back looks so often whether somebody in another process has taken its claim. */
const LOOK_MS = 5_000;

/**
 * Makes a session's object whole and compares its digest. What was hashed as it passed is compared before, and then the
 * session stays open when it differs. What was not (several processes, another algorithm) is read back from the object.
 *
 * A read-back takes as long as the object is large, and whoever waits for it asks again before that. So that this costs
 * no second one, and a series of questions comes to an end: in one process a question joins the one that is the same and
 * under way, and a session has one read-back at a time. Another process reads as well, under the same claim, so neither
 * stops the other. The digest found is kept in the session's row, for whoever asks when it is over.
 */
@Injectable()
export class CompleteUpload {
  private readonly underWay = new Map<string, Promise<CompletedObject>>();

  constructor(
    private readonly sessions: UploadSessionStore,
    private readonly store: BlobStore,
    private readonly hashes: RunningHashes,
    private readonly active: ActiveAppends,
    private readonly claims: ClaimKeeper,
    private readonly remover: ObjectRemover,
  ) {}

  /** DIGEST_INVALID; BLOB_UPLOAD_UNKNOWN also where somebody takes the session over meanwhile. */
  run(request: CompleteUploadV1): Promise<CompletedObject> {
    const { repository, sessionId, ownerId, startedBy, digest } = request;
    const question = JSON.stringify([repository, sessionId, ownerId, startedBy, digest]);
    const same = this.underWay.get(question);
    if (same) return same;
    const answer = this.complete(request).finally(() => this.underWay.delete(question));
    this.underWay.set(question, answer);
    return answer;
  }

  private async complete({ digest, ...key }: CompleteUploadV1): Promise<CompletedObject> {
    const { sessionId } = key;
    const session = await this.sessions.claimCompletion(key, digest);
    if (!session) throw unknown(sessionId);
    return this.active.run(sessionId, (stopped) => this.completeClaimed(session, digest, stopped));
  }

  private async completeClaimed(session: ClaimedRow, digest: Digest, stopped: AbortSignal): Promise<CompletedObject> {
    const algorithm = digestAlgorithm(digest);
    const passed = session.offset === 0 ? createHash(algorithm).digest('hex') : session[algorithm];
    if (passed !== null && passed !== digestHex(digest)) throw differs(digest, algorithm, passed);
    const { key: objectKey, obsolete } = await this.store.complete(await this.objectOf(session));
    this.remover.deleteLater(obsolete);
    if (passed === null) await this.compareStored(objectKey, digest, session, stopped);
    this.hashes.forget(session.id);
    return { claim: session.claim, objectKey, size: session.offset };
  }

  private async objectOf(session: UploadSessionRow): Promise<UnfinishedObject> {
    if (session.object !== null) return session.object as UnfinishedObject;
    const { object } = await this.store.append(null, freshObjectKey(), nothing(), { last: true });
    return object;
  }

  /**
   * The object is whole and takes no more bytes: where it differs, the session ends with it. Only under the claim, without
   * which another digest may have been found right meanwhile, and a blob have this object.
   */
  private async compareStored(
    objectKey: string,
    digest: Digest,
    session: ClaimedRow,
    stopped: AbortSignal,
  ): Promise<void> {
    const { id, claim, offset, object, sha256, sha512 } = session;
    const algorithm = digestAlgorithm(digest);
    const computed = await this.claims.during(session, stopped, LOOK_MS, (signal) =>
      this.hashStored(objectKey, algorithm, signal),
    );
    if (computed === null) throw stopped.reason instanceof RegistryError ? stopped.reason : unknown(id);
    if (computed !== digestHex(digest)) {
      if (await this.sessions.removeClaimed(id, claim)) this.remover.deleteLater([objectKey]);
      throw differs(digest, algorithm, computed);
    }
    const found = { offset, object, sha256, sha512, [algorithm]: computed };
    if (!(await this.sessions.advance(id, claim, found))) throw unknown(id);
  }

  /** Null where `signal` ends it. */
  private async hashStored(objectKey: string, algorithm: DigestAlgorithm, signal: AbortSignal): Promise<string | null> {
    const hash = addAbortSignal(signal, createHash(algorithm));
    // Whoever writes into it hears of its end too.
    hash.once('error', () => undefined);
    try {
      await (await this.store.read(objectKey)).writeTo(hash);
      return hash.digest('hex');
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }
}

type ClaimedRow = UploadSessionRow & { claim: string };

async function* nothing(): AsyncGenerator<Uint8Array> {}

const differs = (provided: Digest, algorithm: DigestAlgorithm, computed: string) =>
  registryError('DIGEST_INVALID', { provided, computed: `${algorithm}:${computed}` });

const unknown = (sessionId: string) => registryError('BLOB_UPLOAD_UNKNOWN', { sessionId });
