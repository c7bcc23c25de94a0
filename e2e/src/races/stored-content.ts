import { createHash } from 'node:crypto';

import {
  contentOf,
  type Descriptor,
  digestOf,
  exchange,
  type HttpAnswer,
  LEFTOVER_ROWS,
  type RegistryClient,
  type TestMinio,
} from '@berth/testing';
import { Client } from 'minio';

import type { Barriers } from './barriers.js';

const BUCKET = 'berth';

/** What may be there only for a while: each counts to nothing once all is quiet. */
const LEFT = {
  ...LEFTOVER_ROWS,
  'manifests that nothing uses': `SELECT count(*) FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
    WHERE r.untagged_after IS NULL AND NOT EXISTS (SELECT FROM registry.tag t WHERE t.manifest_id = m.id)
      AND NOT EXISTS (SELECT FROM registry.manifest_child c WHERE c.child_id = m.id)
      AND NOT EXISTS (SELECT FROM registry.manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest)`,
};

interface ServedManifest {
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
  fsLayers?: unknown;
}

const MANIFEST_TYPE = /\.manifest\.|image\.index/;

/** What Berth serves and what lies below it, looked at from outside. */
export class StoredContent {
  private readonly s3: Client;

  constructor(
    private readonly client: RegistryClient,
    private readonly database: Barriers,
    private readonly minio: TestMinio,
  ) {
    const { hostname: endPoint, port } = new URL(minio.endpoint);
    const { accessKey, secretKey } = minio;
    this.s3 = new Client({ endPoint, port: Number(port), useSSL: false, accessKey, secretKey });
  }

  /**
   * Every manifest that answers 200, by tag and by digest, has every part, pulled and hashed; and every blob's row has its
   * object, read past the gateway and hashed.
   */
  async everythingServedIsWhole(): Promise<void> {
    const tags = await this.database.rows<{ path: string; name: string }>(
      'SELECT r.path, t.name FROM registry.tag t JOIN registry.repository r ON r.id = t.repository_id',
    );
    await Promise.all((await this.manifests()).map(({ path, digest }) => this.isWhole(path, digest)));
    await Promise.all(tags.map(({ path, name }) => this.isWhole(path, name)));
    await this.everyRowHasItsObject();
  }

  /** The rows' own promise, also of what no manifest has. */
  async everyRowHasItsObject(): Promise<void> {
    const rows = await this.database.rows<{ digest: string; object_key: string }>(
      'SELECT digest, object_key FROM registry.blob',
    );
    await Promise.all(rows.map(({ digest, object_key }) => this.isStored(digest, object_key)));
  }

  /** Null where there is no such blob. */
  async objectKeyOf(digest: string): Promise<string | null> {
    const [row] = await this.database.rows<{ object_key: string }>(
      'SELECT object_key FROM registry.blob WHERE digest = $1',
      [digest],
    );
    return row?.object_key ?? null;
  }

  /** Keys of objects that wait for their deletion. */
  async queuedObjects(): Promise<string[]> {
    const rows = await this.database.rows<{ object_key: string }>(
      'SELECT object_key FROM registry.object_deletion ORDER BY object_key',
    );
    return rows.map(({ object_key }) => object_key);
  }

  async objects(): Promise<string[]> {
    return (await contentOf(this.minio, BUCKET)).keys;
  }

  /** Removes an object behind Berth's back. */
  async removeObject(key: string): Promise<void> {
    await this.s3.removeObject(BUCKET, key);
  }

  async putObject(key: string, bytes: Buffer): Promise<void> {
    await this.s3.putObject(BUCKET, key, bytes);
  }

  async readObject(key: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.s3.getObject(BUCKET, key)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  /** The lease of this blob's link is over: in one repository, or in all. */
  async passLease(digest: string, repository: string | null = null): Promise<void> {
    await this.database.rows(
      `UPDATE registry.repository_blob rb SET review_after = now() - interval '1 second' FROM registry.repository r
       WHERE r.id = rb.repository_id AND digest = $1 AND review_after > now() AND r.path = coalesce($2, r.path)`,
      [digest, repository],
    );
  }

  /** The leases of a manifest are over. */
  async passManifestLease(digest: string): Promise<void> {
    await this.database.rows(
      `UPDATE registry.manifest SET review_after = now() - interval '1 second' WHERE digest = $1 AND review_after > now()`,
      [digest],
    );
  }

  /** No granted read is under way any more. */
  async passWindow(): Promise<void> {
    await this.database.rows('UPDATE registry.object_deletion SET not_before = now() WHERE not_before > now()');
  }

  /** Nobody has touched the upload for too long. One that is being ended now stays as it is. */
  async passUpload(sessionId: string): Promise<void> {
    await this.database.rows(
      `UPDATE storage.upload_session SET expires_at = now() - interval '1 second'
       WHERE id = (SELECT id FROM storage.upload_session WHERE id = $1 FOR UPDATE SKIP LOCKED)`,
      [sessionId],
    );
  }

  async hasUpload(sessionId: string): Promise<boolean> {
    return (await this.database.rows('SELECT 1 FROM storage.upload_session WHERE id = $1', [sessionId])).length > 0;
  }

  /** What nobody's row has been known for long, and is old. */
  async passOrphans(): Promise<void> {
    await this.database.rows(
      `UPDATE registry.orphan_object SET first_seen = now() - interval '1 year', modified_at = now() - interval '1 year'`,
    );
  }

  /** So much time that every lease and every window is over, and no upload is still wanted. */
  async passTime(): Promise<void> {
    for (const table of ['repository_blob', 'manifest']) {
      await this.database.rows(
        `UPDATE registry.${table} SET review_after = now() - interval '1 second' WHERE review_after > now()`,
      );
    }
    await this.passWindow();
  }

  /** What is there and should not be, by name, with how many or which; empty where all is well. */
  async leftovers(): Promise<Record<string, unknown>> {
    const left: Record<string, unknown> = {};
    for (const [name, text] of Object.entries(LEFT)) {
      const [row] = await this.database.rows<{ count: string }>(text);
      if (Number(row!.count) > 0) left[name] = Number(row!.count);
    }
    const { keys, incomplete } = await contentOf(this.minio, BUCKET);
    const rows = await this.database.rows<{ object_key: string }>('SELECT object_key FROM registry.blob');
    const known = new Set(rows.map(({ object_key }) => object_key));
    const orphans = keys.filter((key) => !known.has(key));
    const holes = [...known].filter((key) => !keys.includes(key));
    if (orphans.length > 0) left['objects without a row'] = orphans;
    if (holes.length > 0) left['rows without an object'] = holes;
    if (incomplete.length > 0) left['multipart uploads'] = incomplete;
    return left;
  }

  private async isStored(digest: string, objectKey: string): Promise<void> {
    const found = await this.hashOf(objectKey, digest).catch((error: Error) => error.message);
    // It may have been collected since; then its row is gone, and with it the promise.
    if (found !== digest && (await this.objectKeyOf(digest)) === objectKey) {
      throw new Error(`the object ${objectKey} of ${digest} is not whole: ${found}`);
    }
  }

  private manifests(): Promise<{ path: string; digest: string }[]> {
    return this.database.rows(
      'SELECT r.path, m.digest FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id',
    );
  }

  private async isWhole(path: string, reference: string): Promise<void> {
    const answer = (await this.client.getManifest(path, reference)).expect(200, 404);
    if (answer.status === 404) return;
    const broken = await this.firstTrouble(path, reference, answer.bytes);
    // Of a manifest that was collected meanwhile nothing is promised any more.
    if (broken && (await this.client.getManifest(path, reference)).expect(200, 404).status === 200) {
      throw new Error(`${path}:${reference} is served and not whole: ${broken}`);
    }
  }

  private async firstTrouble(path: string, reference: string, bytes: Buffer): Promise<string | null> {
    const [algorithm] = reference.split(':') as ['sha256' | 'sha512'];
    if (reference.includes(':') && digestOf(bytes, algorithm) !== reference) return 'its bytes are others';
    const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as ServedManifest;
    for (const { digest, mediaType, ...rest } of [config, ...layers, ...manifests].filter((one) => one !== undefined)) {
      if ('urls' in rest) continue; // a foreign layer, which may be elsewhere alone
      const isManifest = manifests.some((one) => one.digest === digest) && MANIFEST_TYPE.test(mediaType);
      const part = isManifest ? await this.client.getManifest(path, digest) : await this.pullBlob(path, digest);
      if (part.status !== 200) return `${digest} is answered ${part.status}`;
      if (digestOf(part.bytes, digest.split(':')[0] as 'sha256' | 'sha512') !== digest)
        return `${digest} is other bytes`;
    }
    return null;
  }

  /** Where the gateway redirects, from the object store. */
  private async pullBlob(path: string, digest: string): Promise<HttpAnswer> {
    const answer = await this.client.getBlob(path, digest);
    return answer.status === 307 ? exchange({ method: 'GET', url: answer.header('location')! }) : answer;
  }

  private async hashOf(key: string, digest: string): Promise<string> {
    const [algorithm] = digest.split(':') as [string];
    const hash = createHash(algorithm);
    for await (const chunk of await this.s3.getObject(BUCKET, key)) hash.update(chunk as Buffer);
    return `${algorithm}:${hash.digest('hex')}`;
  }
}
