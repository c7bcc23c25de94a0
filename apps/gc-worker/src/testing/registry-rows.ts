import { randomBytes } from 'node:crypto';
import {
  type Database,
  ManifestStore,
  OrganisationStore,
  RepositoryBlobStore,
  RepositoryStore,
  UploadSessionStore,
} from '@berth/metadata';
import {
  type Digest,
  digestOf,
  organisationOf,
  parseManifest,
  parseRepositoryName,
  type RepositoryName,
  type Tag,
} from '@berth/oci';

export interface StoredBlob {
  bytes: Buffer;
  digest: Digest;
  size: number;
  mediaType: string;
  objectKey: string;
}

/** What registry-v2 writes, by its own stores. */
export class RegistryRows {
  readonly manifests: ManifestStore;
  readonly blobs: RepositoryBlobStore;

  constructor(
    private readonly database: Database,
    timing: { leaseSeconds: number; pullWindowSeconds: number },
  ) {
    this.manifests = new ManifestStore(database, 0, timing.leaseSeconds);
    this.blobs = new RepositoryBlobStore(database, timing);
  }

  async repository(): Promise<RepositoryName> {
    const path = parseRepositoryName(`team/${crypto.randomUUID()}`);
    const [account] = await this.database.prisma.account.findMany();
    if (!account) {
      const users = { create: { name: 'ann', passwordHash: 'x', isAdministrator: true } };
      await this.database.prisma.account.create({ data: { name: 'acme', isOperator: true, users } });
    }
    await new OrganisationStore(this.database).ensure(organisationOf(path), null);
    await new RepositoryStore(this.database).create(path, { isPublic: false });
    return path;
  }

  async blob(repository: RepositoryName, bytes: Buffer = randomBytes(10)): Promise<StoredBlob> {
    const sessions = new UploadSessionStore(this.database, { idleSeconds: 60, maxSeconds: 120 });
    const sessionId = await sessions.create(repository, 'sha256');
    const claim = crypto.randomUUID();
    await sessions.claim({ sessionId, repository }, claim, null);
    const [digest, size, objectKey] = [digestOf(bytes), bytes.length, `objects/00/${sessionId}`];
    await this.blobs.commitUpload({ repository, sessionId, claim, digest, objectKey, size });
    return { bytes, digest, size, mediaType: 'application/octet-stream', objectKey };
  }

  /** With a tag, or without. */
  async manifest(
    repository: RepositoryName,
    { bytes, mediaType }: { bytes: Buffer; mediaType: string },
    tags: Tag[] = [],
  ): Promise<Digest> {
    const manifest = parseManifest(bytes, mediaType);
    const event = { subject: 'test', payload: {} };
    const outcome = await this.manifests.put({ repository, manifest, payload: bytes, tags, event });
    if (outcome !== 'stored') throw new Error(`not stored: ${JSON.stringify(outcome)}`);
    return manifest.digest;
  }

  async hasManifest(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return (await this.manifests.find(repository, { kind: 'digest', digest }, [])) !== null;
  }

  async has(table: 'blob' | 'object_deletion', objectKey: string): Promise<boolean> {
    const text = `SELECT 1 FROM registry.${table} WHERE object_key = $1`;
    return (await this.database.rows({ name: `test-has-${table}`, text }, [objectKey])).length > 0;
  }

  async deletion(objectKey: string): Promise<{ attempts: number; last_error: string | null } | null> {
    const text = `SELECT attempts, last_error FROM registry.object_deletion WHERE object_key = $1`;
    const rows = await this.database.rows<{ attempts: number; last_error: string | null }>(
      { name: 'test-deletion', text },
      [objectKey],
    );
    return rows[0] ?? null;
  }

  /** The next try of every deletion is due now. */
  async hurry(): Promise<void> {
    await this.database.rows(
      { name: 'test-hurry', text: `UPDATE registry.object_deletion SET not_before = now()` },
      [],
    );
  }
}
