import { randomBytes, randomUUID } from 'node:crypto';
import { type Digest, digestOf, parseManifest, parseRepositoryName, type RepositoryName, type Tag } from '@berth/oci';
import {
  type DeleteManifestOutcome,
  ManifestStore,
  type NewManifest,
  type PutManifestOutcome,
} from '../manifest.store.js';
import { RepositoryBlobStore } from '../repository-blob.store.js';
import { UploadSessionStore } from '../upload-session.store.js';
import type { Database } from '../database.js';
import { type TestDatabase, TestDatabases } from './test-databases.js';
import { aManifest, jsonManifest, MEDIA_TYPE } from './test-kit.js';

export const LEASE_SECONDS = 3_600;
export const PULL_WINDOW_SECONDS = 900;
const SIZE = 1_000;
/** A machine that does other things as well takes its time; waits of the tests have shorter deadlines, which say for what. */
const TIMEOUT_MS = 30_000;

export const anyDigest = (): Digest => digestOf(randomBytes(32));
export const objectKeyOf = (digest: Digest) => `sha256/${digest.slice(7, 9)}/${digest.slice(7)}/${randomUUID()}`;
export const EVENT = { subject: 'test.happened.v1', payload: { happened: true } };

export interface Entry {
  digest: Digest;
  mediaType: string;
  size: number;
}

/** What tests start from: repositories, blobs and manifests, made by the stores as a push makes them. */
export class RegistryFixture {
  readonly blobs: RepositoryBlobStore;
  readonly manifests: ManifestStore;
  readonly sessions: UploadSessionStore;

  constructor(
    readonly test: TestDatabase,
    database: Database = test.database,
  ) {
    this.blobs = new RepositoryBlobStore(database, {
      leaseSeconds: LEASE_SECONDS,
      pullWindowSeconds: PULL_WINDOW_SECONDS,
    });
    this.manifests = new ManifestStore(database, 0, LEASE_SECONDS);
    this.sessions = new UploadSessionStore(database, { idleSeconds: 3_600, maxSeconds: 86_400 });
  }

  async repository(path = `acme/${randomBytes(4).toString('hex')}`): Promise<RepositoryName> {
    const name = parseRepositoryName(path);
    const { prisma } = this.test.database;
    const organisationName = name.slice(0, name.indexOf('/'));
    const account = await prisma.account.upsert({
      where: { name: 'acme' },
      create: {
        name: 'acme',
        isOperator: true,
        users: { create: { name: 'admin', passwordHash: '-', isAdministrator: true } },
      },
      update: {},
      include: { users: true },
    });
    const organisation = await prisma.organisation.upsert({
      where: { name: organisationName },
      create: { name: organisationName, accountId: account.id, creatorId: account.users[0]!.id },
      update: {},
    });
    await prisma.repository.create({ data: { path: name, organisationId: organisation.id } });
    return name;
  }

  repositoryId(repository: RepositoryName): Promise<string> {
    return this.test.value('SELECT id FROM registry.repository WHERE path = $1', [repository]);
  }

  /** A session whose bytes are complete: what commitUpload takes. */
  async completedUpload(repository: RepositoryName, digest = anyDigest()) {
    const sessionId = await this.sessions.create(repository, 'sha256');
    const claim = randomUUID();
    await this.sessions.claim({ sessionId, repository }, claim, null);
    return { repository, sessionId, claim, digest, objectKey: objectKeyOf(digest), size: SIZE };
  }

  /** A blob that was just uploaded. */
  async blob(repository: RepositoryName, digest = anyDigest()): Promise<Digest> {
    const outcome = await this.blobs.commitUpload(await this.completedUpload(repository, digest));
    if (outcome !== 'committed') throw new Error(outcome);
    return digest;
  }

  blobsOf(repository: RepositoryName, count: number): Promise<Digest[]> {
    return Promise.all(Array.from({ length: count }, () => this.blob(repository)));
  }

  /** Pushes, and gives the manifest's digest; the push must succeed. */
  async push(repository: RepositoryName, made: ManifestOfTest, tags: string[] = []): Promise<Entry> {
    const outcome = await this.put(repository, made, tags);
    if (outcome !== 'stored') throw new Error(JSON.stringify(outcome));
    return made.entry;
  }

  put(repository: RepositoryName, made: ManifestOfTest, tags: string[] = []): Promise<PutManifestOutcome> {
    return this.manifests.put(newManifest(repository, made, tags));
  }

  remove(repository: RepositoryName, digest: Digest): Promise<DeleteManifestOutcome> {
    return this.manifests.delete(repository, digest, EVENT);
  }

  /** Seconds from now until the link is reviewed; null where it is settled, undefined where there is no link. */
  async reviewOf(repository: RepositoryName, digest: Digest): Promise<number | null | undefined> {
    const [row] = await this.test.rows<{ seconds: number | null }>(
      `SELECT extract(epoch FROM rb.review_after - now())::float8 AS seconds FROM registry.repository_blob rb
       JOIN registry.repository r ON r.id = rb.repository_id WHERE r.path = $1 AND rb.digest = $2`,
      [repository, digest],
    );
    return row?.seconds;
  }

  /** As reviewOf, of a manifest. */
  async manifestReviewOf(repository: RepositoryName, digest: Digest): Promise<number | null | undefined> {
    const [row] = await this.test.rows<{ seconds: number | null }>(
      `SELECT extract(epoch FROM m.review_after - now())::float8 AS seconds FROM registry.manifest m
       JOIN registry.repository r ON r.id = m.repository_id WHERE r.path = $1 AND m.digest = $2`,
      [repository, digest],
    );
    return row?.seconds;
  }

  /** Moves the review of a link to `seconds` from now (negative: overdue); null settles it. */
  async setReview(repository: RepositoryName, digest: Digest, seconds: number | null): Promise<void> {
    await this.test.rows(
      `UPDATE registry.repository_blob SET review_after = now() + make_interval(secs => $3)
       WHERE repository_id = (SELECT id FROM registry.repository WHERE path = $1) AND digest = $2`,
      [repository, digest, seconds],
    );
  }

  /** As setReview, of a manifest; what let go of it did so `released` seconds ago. */
  async setManifestReview(
    repository: RepositoryName,
    digest: Digest,
    seconds: number | null,
    released = 0,
  ): Promise<void> {
    await this.test.rows(
      `UPDATE registry.manifest SET review_after = now() + make_interval(secs => $3), released_at = now() - make_interval(secs => $4)
       WHERE repository_id = (SELECT id FROM registry.repository WHERE path = $1) AND digest = $2`,
      [repository, digest, seconds, released],
    );
  }

  /** The link's row version: it changes whenever the row is written. */
  linkVersion(repository: RepositoryName, digest: Digest): Promise<string> {
    return this.test.value(
      `SELECT rb.xmin || ' ' || rb.ctid FROM registry.repository_blob rb
       JOIN registry.repository r ON r.id = rb.repository_id WHERE r.path = $1 AND rb.digest = $2`,
      [repository, digest],
    );
  }

  hasBlob(digest: Digest): Promise<boolean> {
    return this.test.value('SELECT EXISTS (SELECT FROM registry.blob WHERE digest = $1)', [digest]);
  }

  /** Objects queued for deletion, with the seconds until they may go. */
  deletions(): Promise<QueuedDeletion[]> {
    return this.test.rows(
      `SELECT object_key, digest, size::int, extract(epoch FROM not_before - now())::float8 AS seconds, attempts, last_error
       FROM registry.object_deletion ORDER BY object_key`,
    );
  }

  count(table: string): Promise<number> {
    return this.test.value(`SELECT count(*)::int FROM ${table}`);
  }
}

export interface QueuedDeletion {
  object_key: string;
  digest: Digest | null;
  size: number;
  seconds: number;
  attempts: number;
  last_error: string | null;
}

export interface ManifestOfTest {
  entry: Entry;
  bytes: Buffer;
}

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

const made = ({ bytes, digest, mediaType, size }: ReturnType<typeof aManifest>): ManifestOfTest => ({
  bytes,
  entry: { digest: digest as Digest, mediaType, size },
});

/** An image manifest: the first blob is its config, the others its layers. `subject` makes it a referrer. */
export function imageOf(blobs: Digest[], options: { subject?: Entry; annotations?: Record<string, string> } = {}) {
  const [config, ...layers] = blobs.map((digest, n) => ({ digest, size: SIZE, mediaType: n === 0 ? CONFIG : LAYER }));
  return made(aManifest({ config: config!, layers, ...options }));
}

/** An index of manifests or, as BuildKit's cache has them, of plain blobs. */
export const indexOf = (entries: Entry[]): ManifestOfTest =>
  made(jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests: entries }));

/** A blob as an index lists it. */
export const blobEntry = (digest: Digest, mediaType = LAYER): Entry => ({ digest, size: SIZE, mediaType });

export const newManifest = (
  repository: RepositoryName,
  { bytes, entry }: ManifestOfTest,
  tags: string[],
): NewManifest => ({
  repository,
  manifest: parseManifest(bytes, entry.mediaType),
  payload: bytes,
  tags: tags as Tag[],
  event: EVENT,
});

/** What a spec file stands on: one PostgreSQL for all of it, and for each test a database with nothing in it. */
export interface OnDatabase {
  databases: TestDatabases;
  test: TestDatabase;
  registry: RegistryFixture;
}

/** Registers the hooks that start and stop; the fields are there inside of tests. */
export function onDatabase(): OnDatabase {
  const on = {} as OnDatabase;
  jest.setTimeout(TIMEOUT_MS);
  beforeAll(async () => {
    on.databases = await TestDatabases.start();
  }, 60_000);
  afterAll(() => on.databases?.stop());
  beforeEach(async () => {
    on.test = await on.databases.fresh();
    on.registry = new RegistryFixture(on.test);
  });
  afterEach(() => on.test?.close());
  return on;
}
