import { randomUUID } from 'node:crypto';
import { BlobStore, type UnfinishedObject } from '@berth/blob-store';
import type { AppendedV1, AppendGrantV1, CompletedObject, GrantAppendV1 } from '@berth/contracts';
import { type UploadProgress, type UploadSessionKey, UploadSessionStore, type UploadSessionRow } from '@berth/metadata';
import { type Digest, digestAlgorithm, digestHex, RegistryError, registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DataPlaneAddress } from '../data-plane/data-plane-address.js';
import { freshObjectKey } from '../object/object-key.js';
import { ObjectRemover } from '../object/object-remover.js';
import { ActiveAppends } from './active-appends.js';
import { ClaimKeeper } from './claim-keeper.js';
import { IncomingBody } from './incoming-body.js';
import { digestsSoFar, RunningHashes } from './running-hashes.js';

interface GrantedAppend {
  session: UploadSessionRow;
  claim: string;
  /** Present where the bytes are the last ones. */
  digest: Digest | null;
  length: number | undefined;
}

const GRANT_MS = 60_000;
const GRANTS_AT_ONCE = 10_000;

/**
 * The next bytes of a session. A grant claims the session: whoever held it before can no longer advance it, and writes
 * under keys of its own, so a client's retry never waits for, or mixes with, the request it gave up.
 */
@Injectable()
export class AppendUpload {
  private readonly granted = new LRUCache<string, GrantedAppend>({ max: GRANTS_AT_ONCE, ttl: GRANT_MS });

  constructor(
    private readonly sessions: UploadSessionStore,
    private readonly store: BlobStore,
    private readonly hashes: RunningHashes,
    private readonly active: ActiveAppends,
    private readonly claims: ClaimKeeper,
    private readonly remover: ObjectRemover,
    private readonly address: DataPlaneAddress,
    private readonly settings: Settings,
  ) {}

  /** A grant for this process, for one transfer. Spec: end-5, end-6. */
  async grant({ start, digest, length, ...key }: GrantAppendV1): Promise<AppendGrantV1> {
    const claim = randomUUID();
    const session = await this.sessions.claim(key, claim, start ?? null);
    if (!session) throw await this.refusal(key, start);
    this.granted.set(claim, { session, claim, digest: digest ?? null, length });
    return { url: this.address.url('uploads', claim), offset: session.offset };
  }

  /**
   * Makes the bytes durable and then the offset; gives the new offset. A sender that goes away leaves what arrived.
   * BLOB_UPLOAD_UNKNOWN where the grant is spent or was taken over; SIZE_INVALID where there are more or fewer bytes
   * than the grant says, and (413) where the blob comes to be larger than it may be: then nothing of these bytes is kept, and the session stands where it stood.
   */
  async run(claim: string, source: AsyncIterable<Uint8Array>): Promise<AppendedV1> {
    const granted = this.granted.get(claim);
    this.granted.delete(claim);
    if (!granted) throw registryError('BLOB_UPLOAD_UNKNOWN');
    const { id } = granted.session;
    return this.active.run(id, (stopped) =>
      this.claims.during({ id, claim }, stopped, KEEP_ALIVE_MS, (signal) => this.append(granted, source, signal)),
    );
  }

  private async append(
    granted: GrantedAppend,
    source: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<AppendedV1> {
    const { session, claim, digest, length } = granted;
    const hash = this.hashes.continue(session);
    const body = new IncomingBody(source, hash, signal, session.offset, this.settings.maxBlobBytes || Infinity, length);
    const previous = session.object as UnfinishedObject | null;
    const options = {
      // Asked behind the bytes, where it matters: a sender that went away has not sent the last one, and one whose bytes
      // are not what the digest says may have more. Either goes on later.
      get last() {
        if (digest === null || body.interruption) return false;
        return !body.ended || mayBe(digestsSoFar(session.algorithm, hash), digest);
      },
    };
    const { object, obsolete, created } = await this.store.append(previous, freshObjectKey(), body, options);
    const offset = session.offset + body.received;
    const digests = digestsSoFar(session.algorithm, hash);
    if (!body.interruption && previous === null && isDigest(digests, digest)) {
      return { offset, completed: await this.complete(object, claim) };
    }
    await this.advance(granted, { offset, object, ...digests }, created);
    this.remover.deleteLater(obsolete);
    if (hash && digest === null) this.hashes.remember(session.id, offset, hash);
    if (body.interruption) throw interrupted(body.interruption);
    return { offset };
  }

  /** The whole blob in one append: its row can be written at once, the session's need not be. */
  private async complete(object: UnfinishedObject, claim: string): Promise<CompletedObject> {
    const { key, obsolete } = await this.store.complete(object);
    this.remover.deleteLater(obsolete);
    return { claim, objectKey: key, size: object.size };
  }

  /** Where the session was taken over, what the append wrote belongs to nobody. */
  private async advance({ session, claim }: GrantedAppend, progress: UploadProgress, created: string[]): Promise<void> {
    if (await this.sessions.advance(session.id, claim, progress)) return;
    const object = progress.object as UnfinishedObject;
    if (object.key !== (session.object as UnfinishedObject | null)?.key) this.remover.abortLater(object);
    else this.remover.deleteLater(created);
    throw registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: session.id });
  }

  private async refusal(key: UploadSessionKey, start: number | undefined) {
    const session = start === undefined ? null : await this.sessions.find(key);
    if (!session) return registryError('BLOB_UPLOAD_UNKNOWN', { sessionId: key.sessionId });
    return registryError(
      'BLOB_UPLOAD_INVALID',
      { offset: session.offset, start },
      {
        status: 416,
        message: 'the chunk does not start where the upload stands',
      },
    );
  }
}

const KEEP_ALIVE_MS = 30_000;

/** By the sender; or by this process, which then says why. */
const interrupted = (cause: unknown) =>
  cause instanceof RegistryError
    ? cause
    : registryError('BLOB_UPLOAD_INVALID', undefined, { cause, message: 'the request body ended early' });

/** False where it is known that the bytes are not `digest`'s. */
const mayBe = (digests: Pick<UploadProgress, 'sha256' | 'sha512'>, digest: Digest): boolean =>
  [null, digestHex(digest)].includes(digests[digestAlgorithm(digest)]);

const isDigest = (digests: Pick<UploadProgress, 'sha256' | 'sha512'>, digest: Digest | null): boolean =>
  digest !== null && digests[digestAlgorithm(digest)] === digestHex(digest);
