import type { BlobStore } from '@berth/blob-store';
import type { AppendedV1 } from '@berth/contracts';
import { type Database, UploadSessionStore } from '@berth/metadata';
import { type Digest, type DigestAlgorithm, digestOf, parseRepositoryName } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { DataPlaneAddress } from '../data-plane/data-plane-address.js';
import { ObjectRemover } from '../object/object-remover.js';
import { ActiveAppends } from '../upload/active-appends.js';
import { AppendUpload } from '../upload/append-upload.js';
import { ClaimKeeper } from '../upload/claim-keeper.js';
import { CompleteUpload } from '../upload/complete-upload.js';
import { RunningHashes } from '../upload/running-hashes.js';
import { UploadSessionService } from '../upload/upload-session.service.js';
import { chunksOf } from './bodies.js';

export const REPOSITORY = parseRepositoryName('team/app');

export interface SendOptions {
  start?: number;
  digest?: Digest;
  length?: number;
}

/** What one process of storage has in memory; several of them may share a database and a store. */
export class StorageProcess {
  readonly sessions: UploadSessionStore;
  readonly append: AppendUpload;
  readonly complete: CompleteUpload;
  readonly service: UploadSessionService;
  readonly remover: ObjectRemover;
  readonly active = new ActiveAppends();

  constructor(
    database: Database,
    readonly store: BlobStore,
    env: Record<string, string> = {},
  ) {
    const settings = loadSettings(env);
    const { active } = this;
    const [hashes, address] = [new RunningHashes(), new DataPlaneAddress()];
    this.sessions = new UploadSessionStore(database, {
      idleSeconds: settings.uploadIdleSeconds,
      maxSeconds: settings.uploadMaxSeconds,
    });
    this.remover = new ObjectRemover(store);
    const claims = new ClaimKeeper(this.sessions, settings);
    this.append = new AppendUpload(this.sessions, store, hashes, active, claims, this.remover, address, settings);
    this.complete = new CompleteUpload(this.sessions, store, hashes, active, claims, this.remover);
    this.service = new UploadSessionService(this.sessions, active, this.remover);
  }

  async start(algorithm: DigestAlgorithm = 'sha256'): Promise<string> {
    return (await this.service.create({ repository: REPOSITORY, algorithm })).sessionId;
  }

  /** A grant for the next bytes, or with a digest for the last ones; its value is the last component of the URL. */
  async grant(sessionId: string, options: SendOptions = {}): Promise<string> {
    const { url } = await this.append.grant({ repository: REPOSITORY, sessionId, ...options });
    return url.slice(url.lastIndexOf('/') + 1);
  }

  /** Asks for a grant and spends it. */
  async send(
    sessionId: string,
    body: AsyncIterable<Uint8Array> | string,
    options: SendOptions = {},
  ): Promise<AppendedV1> {
    const grant = await this.grant(sessionId, options);
    return this.append.run(grant, typeof body === 'string' ? chunksOf(body) : body);
  }

  finish(sessionId: string, content: string | Buffer, algorithm: DigestAlgorithm = 'sha256') {
    const digest = digestOf(Buffer.from(content), algorithm);
    return this.complete.run({ repository: REPOSITORY, sessionId, digest });
  }

  async offsetOf(sessionId: string): Promise<number> {
    return (await this.service.find({ repository: REPOSITORY, sessionId })).offset;
  }

  async contentOf(key: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.store.read(key)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  /** Every object there is, complete or not, when removals under way are done. */
  async keys(): Promise<string[]> {
    await this.remover.onApplicationShutdown();
    const keys: string[] = [];
    for await (const { key } of this.store.list('objects/')) keys.push(key);
    return keys;
  }
}

/** What an attempt failed with; null where it did not. */
export const failureOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => null,
    (error: unknown) => error,
  );
