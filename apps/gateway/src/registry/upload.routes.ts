import {
  type AppendedV1,
  AUTHORIZE,
  CANCEL_UPLOAD,
  COMMIT_UPLOAD,
  type CompletedObject,
  FIND_MOUNT_SOURCE,
  FIND_UPLOAD,
  GRANT_APPEND,
  START_UPLOAD,
} from '@berth/contracts';
import { askAgain, MessageBus } from '@berth/messaging';
import {
  blobTooLarge,
  type Digest,
  digestAlgorithm,
  type DigestAlgorithm,
  parseContentRange,
  parseDigest,
  parseRepositoryName,
  RegistryError,
  registryError,
  type RepositoryName,
  type Scope,
} from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../auth/caller.js';
import { PublicUrl } from '../http/public-url.js';
import { BlobTransport } from '../transfer/blob-transport.js';
import { ClientTransfers } from '../transfer/client-transfers.js';
import { withAnotherGrant } from '../transfer/storage-gone.js';
import { hasBody, header, readerOf, type RegistryRequest } from './registry-request.js';

/** Above what storage is waited for first, below what it may take at most. */
const COMMIT_WAITS_MS = [15_000, 300_000];

/** Uploads: end-4a, end-4b, end-5, end-6, end-11, end-13, end-14. */
@Injectable()
export class UploadRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly transport: BlobTransport,
    private readonly publicUrl: PublicUrl,
    private readonly settings: Settings,
    private readonly transfers: ClientTransfers,
  ) {}

  /** POST: mounts, takes a whole blob, or opens a session. */
  async start(request: RegistryRequest): Promise<void> {
    const { name, query, caller } = request;
    const digest = query.has('digest') ? digestIn(query) : null;
    if (digest) this.refuseTooLarge(request);
    const algorithm = digest ? digestAlgorithm(digest) : announcedAlgorithm(query);
    const started = await this.bus.request(START_UPLOAD, {
      repository: name.repository,
      algorithm,
      ...(await this.mountOf(request)),
      ...(caller.userId !== undefined && { userId: caller.userId }),
    });
    if ('mounted' in started) return this.created(request, started.mounted);
    if (digest === null) return this.accepted(request, started.sessionId, 0);
    await this.takeWhole(request, started.sessionId, digest);
  }

  /** PATCH: the next chunk, or a stream of unknown length. */
  async patch(request: RegistryRequest, sessionId: string): Promise<void> {
    const { offset } = await this.append(request, sessionId, null);
    await this.accepted(request, sessionId, offset);
  }

  /** PUT: the last chunk, or none, and the digest of the whole. */
  async complete(request: RegistryRequest, sessionId: string): Promise<void> {
    const digest = digestIn(request.query);
    const appended = hasBody(request) ? await this.append(request, sessionId, digest) : null;
    if (!appended) await this.refuseGap(request, sessionId);
    await this.commit(request, sessionId, digest, appended?.completed);
  }

  /** GET: how far the session is. */
  async status(request: RegistryRequest, sessionId: string): Promise<void> {
    const { offset } = await this.bus.request(FIND_UPLOAD, sessionOf(request, sessionId));
    await this.progress(request, sessionId, offset).status(204).send();
  }

  async cancel(request: RegistryRequest, sessionId: string): Promise<void> {
    await this.bus.request(CANCEL_UPLOAD, sessionOf(request, sessionId));
    await request.reply.status(204).header('docker-upload-uuid', sessionId).send();
  }

  /** The body is the blob. A session that fails ends at once: the client was never told where to go on. */
  private async takeWhole(request: RegistryRequest, sessionId: string, digest: Digest): Promise<void> {
    let completed: CompletedObject | undefined;
    try {
      ({ completed } = await this.append(request, sessionId, digest));
      await this.commit(request, sessionId, digest, completed);
    } catch (error) {
      const cancel = { ...sessionOf(request, sessionId), ...(completed && { objectKey: completed.objectKey }) };
      // Gone already, or storage is away: then it ends when it has been idle for long.
      await this.bus.request(CANCEL_UPLOAD, cancel).catch(() => undefined);
      throw error;
    }
  }

  private async append(request: RegistryRequest, sessionId: string, digest: Digest | null): Promise<AppendedV1> {
    this.refuseTooLarge(request);
    const chunk = chunkOf(request);
    // Whoever breaks off must leave the connection whole: it still has to carry the answer, and the next request.
    const body = request.raw.iterator({ destroyOnReturn: false });
    return this.transfers.receiving(request.raw, () =>
      withAnotherGrant(async () => {
        const grant = await this.bus.request(GRANT_APPEND, {
          ...sessionOf(request, sessionId),
          ...(digest !== null && { digest }),
          ...chunk,
        });
        return this.transport.append(grant.url, body);
      }),
    );
  }

  /** A PUT without a byte may name the next one, as regclient did; a range of more, or elsewhere, is of bytes that it lacks. */
  private async refuseGap(request: RegistryRequest, sessionId: string): Promise<void> {
    const range = header(request, 'content-range');
    if (range === undefined) return;
    const { start, end } = parseContentRange(range);
    if (end > start) throw registryError('SIZE_INVALID', { contentRange: range, contentLength: 0 });
    const { offset } = await this.bus.request(FIND_UPLOAD, sessionOf(request, sessionId));
    if (start !== offset) throw registryError('BLOB_UPLOAD_INVALID', { offset, start }, { status: 416 });
  }

  /** What is told to be too large is refused before a byte of it is read; the rest storage finds out as it arrives. */
  private refuseTooLarge(request: RegistryRequest): void {
    const { maxBlobBytes } = this.settings;
    if (maxBlobBytes === 0) return;
    const length = Number(header(request, 'content-length') ?? 0);
    const range = header(request, 'content-range');
    const end = range === undefined ? 0 : parseContentRange(range).end + 1;
    if (Math.max(length, end) > maxBlobBytes) throw blobTooLarge(maxBlobBytes);
  }

  private async commit(
    request: RegistryRequest,
    sessionId: string,
    digest: Digest,
    completed?: CompletedObject,
  ): Promise<void> {
    const { name, caller } = request;
    const ask = (attempt: number) => ({
      repository: name.repository,
      sessionId,
      digest,
      ...(completed && { completed }),
      ...(caller.userId !== undefined && { userId: caller.userId }),
      ...(caller.startedBy !== undefined && { startedBy: caller.startedBy }),
      ...(attempt > 0 && { again: true }),
    });
    await askAgain(this.bus, COMMIT_UPLOAD, ask, COMMIT_WAITS_MS);
    await this.created(request, digest);
  }

  /** A mount that cannot be, for whatever reason, is an upload: whether a source exists is not told. */
  private async mountOf({ query, caller }: RegistryRequest): Promise<{ mount?: Digest; from?: RepositoryName }> {
    const [mount, from] = [digestOrNull(query.get('mount')), query.get('from')];
    if (mount === null) return {};
    const source = from === null ? await this.anySource(caller, mount) : repositoryOrNull(from);
    if (source === null || (from !== null && !(await this.mayPull(caller, source)))) return {};
    return { mount, from: source };
  }

  /** Many clients do not ask for a token that names the source: then auth is asked for the user. While it is away, no. */
  private async mayPull(caller: Caller, source: RepositoryName): Promise<boolean> {
    const scopes = [{ type: 'repository', name: source, actions: ['pull'] }];
    try {
      if (await caller.may('pull', source)) return true;
      const { identity } = caller;
      if (identity === undefined || (await caller.wasRefused('pull', source))) return false;
      return (await this.bus.request(AUTHORIZE, { identity, scopes })).access.length > 0;
    } catch (error) {
      if (error instanceof RegistryError && ['UNAUTHORIZED', 'UNAVAILABLE'].includes(error.code)) return false;
      throw error;
    }
  }

  /** Of the repositories that the caller may pull one that has the blob. While auth is away there is none. */
  private async anySource(caller: Caller, digest: Digest): Promise<RepositoryName | null> {
    try {
      return (await this.bus.request(FIND_MOUNT_SOURCE, { ...readerOf(caller), digest })).repository;
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'UNAVAILABLE') return null;
      throw error;
    }
  }

  private async created({ name, reply }: RegistryRequest, digest: Digest): Promise<void> {
    reply.header('location', this.publicUrl.location(`/v2/${name.spelled}/blobs/${digest}`));
    await reply.status(201).header('docker-content-digest', digest).header('content-length', 0).send();
  }

  private async accepted(request: RegistryRequest, sessionId: string, offset: number): Promise<void> {
    await this.progress(request, sessionId, offset).status(202).header('content-length', 0).send();
  }

  /** All state is in the path: some clients drop the query of a Location. Before any byte the range is `0-0` by custom. */
  private progress({ name, reply }: RegistryRequest, sessionId: string, offset: number) {
    return reply
      .header('location', this.publicUrl.location(`/v2/${name.spelled}/blobs/uploads/${sessionId}`))
      .header('range', `0-${Math.max(0, offset - 1)}`)
      .header('docker-upload-uuid', sessionId);
  }
}

/** One digest and no second: whoever stands between might have read the other. */
function digestIn(query: URLSearchParams): Digest {
  const [digest = '', ...others] = query.getAll('digest');
  if (others.length > 0) throw registryError('DIGEST_INVALID', { digests: [digest, ...others] });
  return parseDigest(digest);
}

function announcedAlgorithm(query: URLSearchParams): DigestAlgorithm {
  const announced = query.get('digest-algorithm') ?? 'sha256';
  if (announced === 'sha256' || announced === 'sha512') return announced;
  throw registryError('DIGEST_INVALID', { algorithm: announced }, { message: 'digest algorithm is not supported' });
}

/** What a mount needs besides the right to push: to pull from its source. */
export function scopesOfMount(query: URLSearchParams): Scope[] {
  const from = query.has('mount') ? query.get('from') : null;
  if (from === null || repositoryOrNull(from) === null) return [];
  return [{ type: 'repository', name: from, actions: ['pull'] }];
}

const repositoryOrNull = (name: string): RepositoryName | null => valueOrNull(() => parseRepositoryName(name));
const digestOrNull = (digest: string | null): Digest | null =>
  digest === null ? null : valueOrNull(() => parseDigest(digest));

function valueOrNull<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}

/** The session as storage is asked about it: this repository's, and the caller's own. */
const sessionOf = ({ name, caller }: RegistryRequest, sessionId: string) => ({
  repository: name.repository,
  sessionId,
  ...(caller.userId !== undefined && { ownerId: caller.userId }),
  ...(caller.startedBy !== undefined && { startedBy: caller.startedBy }),
});

/** Where the chunk says that it starts, and how long it is; empty where it does not say. Content-Length must say the same. */
function chunkOf(request: RegistryRequest): { start?: number; length?: number } {
  const range = header(request, 'content-range');
  if (range === undefined) return {};
  const { start, end } = parseContentRange(range);
  const length = end - start + 1;
  const contentLength = header(request, 'content-length');
  if (contentLength !== undefined && Number(contentLength) !== length) {
    throw registryError('SIZE_INVALID', { contentRange: range, contentLength });
  }
  return { start, length };
}
