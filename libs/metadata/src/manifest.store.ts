import type { Descriptor, Digest, ParsedManifest, Reference, RepositoryName, Tag } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';
import { MANIFEST_IS_IN_USE } from './garbage-conditions.js';
import { isManifestMediaType } from '@berth/oci';
import { NOT_IN_QUARANTINE } from './repository-blob.store.js';
import { lockTag } from './tag-lock.js';
import { fitsTagQuota, lockTagQuota } from './tag-quota.js';

/** What a GET or HEAD of a manifest needs. `payload` is null where the caller has these bytes already. */
export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  size: number;
  subjectDigest: Digest | null;
  payload: Buffer | null;
}

export interface NewManifest {
  repository: RepositoryName;
  manifest: ParsedManifest;
  payload: Buffer;
  /** Each of them once. */
  tags: Tag[];
  precondition?: TagCondition;
  /** Written to the outbox in the same transaction, so that it is published if and only if the push is true. */
  event: { subject: string; payload: object };
}

/** What one of the tags of a push must name at its moment; null is handed in where there is no such tag. */
export interface TagCondition {
  tag: Tag;
  holds: (named: Digest | null) => boolean;
}

/** What the manifest refers to and the repository does not have. */
export interface MissingReferences {
  missing: { digest: Digest; mediaType: string }[];
}

/** What the manifest refers to by another size than it has. */
export interface WrongSizes {
  wrongSizes: { digest: Digest; stated: number; size: number }[];
}

export type PutManifestOutcome =
  'stored' | 'repository-unknown' | 'precondition-failed' | 'tag-quota-reached' | MissingReferences | WrongSizes;

export type DeleteManifestOutcome = 'deleted' | 'unknown' | 'referenced';

const REFERENCED = {
  name: 'manifest-referenced',
  text: `SELECT r.id AS repository_id, found.digest, found.size, found.child_id, found.image_size FROM registry.repository r LEFT JOIN LATERAL (
      SELECT rb.digest, rb.size, NULL::bigint AS child_id, NULL::bigint AS image_size FROM registry.repository_blob rb
      WHERE rb.repository_id = r.id AND rb.digest = ANY($2) AND ${NOT_IN_QUARANTINE}
      UNION ALL
      SELECT m.digest, m.size, m.id, m.image_size FROM registry.manifest m WHERE m.repository_id = r.id AND m.digest = ANY($3)
    ) found ON true WHERE r.path = $1`,
};
const PUT = {
  name: 'manifest-put',
  text: `WITH made AS (
      INSERT INTO registry.manifest
        (repository_id, digest, media_type, artifact_type, subject_digest, annotations, size, payload, image_size, review_after)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $15, CASE WHEN cardinality($11::text[]) > 0 THEN NULL ELSE now() + make_interval(secs => $16) END)
      ON CONFLICT (repository_id, digest) DO UPDATE SET
        review_after = greatest(registry.manifest.review_after, excluded.review_after), released_at = excluded.released_at,
        media_type = excluded.media_type, artifact_type = excluded.artifact_type,
        subject_digest = excluded.subject_digest, annotations = excluded.annotations, image_size = excluded.image_size RETURNING id),
    blobs AS (INSERT INTO registry.manifest_blob (manifest_id, repository_id, digest)
      SELECT made.id, $1, digest FROM made, unnest($9::text[]) WITH ORDINALITY AS u(digest, n) ORDER BY n ON CONFLICT DO NOTHING),
    children AS (INSERT INTO registry.manifest_child (parent_id, child_id)
      SELECT made.id, child FROM made, unnest($10::bigint[]) AS u(child) ORDER BY child ON CONFLICT DO NOTHING),
    tagged AS (INSERT INTO registry.tag (repository_id, name, manifest_id)
      SELECT $1, name, made.id FROM made, unnest($11::text[]) AS u(name) ORDER BY name
      ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id, updated_at = now()
      WHERE registry.tag.name IS DISTINCT FROM $14::text RETURNING name),
    told AS (INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $12, $13 FROM made WHERE audit.by($17))
    SELECT name FROM tagged`,
  audited: true as const,
};
const FOUND_COLUMNS = `m.digest, m.media_type, m.size, m.subject_digest,
  CASE WHEN m.digest = ANY($3) THEN NULL ELSE m.payload END AS payload`;
const FIND_BY_TAG = {
  name: 'manifest-find-by-tag',
  text: `SELECT ${FOUND_COLUMNS} FROM registry.repository r
         JOIN registry.tag t ON t.repository_id = r.id AND t.name = $2
         JOIN registry.manifest m ON m.id = t.manifest_id WHERE r.path = $1`,
};
const FIND_BY_DIGEST = {
  name: 'manifest-find-by-digest',
  text: `SELECT ${FOUND_COLUMNS} FROM registry.repository r
         JOIN registry.manifest m ON m.repository_id = r.id AND m.digest = $2 WHERE r.path = $1`,
};
const FIND_FOR_PUSH = {
  name: 'manifest-find-for-push',
  text: `SELECT ${FOUND_COLUMNS}, m.id,
           (m.review_after IS NULL OR m.review_after < now() + make_interval(secs => $4)) AND NOT ${MANIFEST_IS_IN_USE} AS wants_lease
         FROM registry.repository r JOIN registry.manifest m ON m.repository_id = r.id AND m.digest = $2 WHERE r.path = $1`,
};
const LEASE = {
  name: 'manifest-lease',
  text: `UPDATE registry.manifest SET review_after = greatest(review_after, now() + make_interval(secs => $2))
         WHERE id = $1 RETURNING id`,
};
const DELETE = {
  name: 'manifest-delete',
  text: `WITH gone AS (DELETE FROM registry.manifest m USING registry.repository r
           WHERE r.path = $1 AND m.repository_id = r.id AND m.digest = $2 RETURNING m.id)
         INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $3, $4 FROM gone WHERE audit.by($5) RETURNING id`,
  audited: true as const,
};
const ATTEMPTS = 3;

/** Undoes a push whose tag was made by another one in between. */
class TagWasMade extends Error {}

/** Manifests of repositories, with their references. Written by registry-v2; removed by registry-v2 and gc-worker. */
export class ManifestStore {
  /**
   * `tagQuota`: tags of a repository at most; 0: any number. `leaseSeconds`: how long a manifest is protected that nothing uses,
   * after its push and after `findAndLease`.
   */
  constructor(
    private readonly database: Database,
    private readonly tagQuota = 0,
    private readonly leaseSeconds = 0,
  ) {}

  /**
   * One transaction: manifest, references, tags and event, or nothing. Of bytes that are there already the last push says
   * of which type they are, and so what they are listed as; what they refer to, by whichever type, stays referenced. The foreign keys lock what is referenced, in
   * digest order, and fail where garbage collection was faster: then the missing references are looked up again. A
   * precondition is judged under a lock of its tag, so that of pushes that expect the same only one is stored. Under a
   * quota of tags a push with tags locks its repository, so that two cannot pass the quota together.
   */
  async put(push: NewManifest): Promise<PutManifestOutcome> {
    for (let attempt = 1; ; attempt++) {
      const references = await this.resolve(push);
      if (references === 'repository-unknown' || 'missing' in references || 'wrongSizes' in references) {
        return references;
      }
      try {
        if (push.precondition || this.isUnderQuota(push)) return await this.insertIfItMay(push, references);
        await this.insert(this.database.rows.bind(this.database), push, references, null);
        return 'stored';
      } catch (error) {
        if (error instanceof TagWasMade) return 'precondition-failed';
        if (!isForeignKeyViolation(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Null where the repository has no such manifest. Of digests in `known` the payload is left out. */
  async find(repository: RepositoryName, reference: Reference, known: Digest[]): Promise<StoredManifest | null> {
    const [row] =
      reference.kind === 'digest'
        ? await this.database.rows<ManifestRow>(FIND_BY_DIGEST, [repository, reference.digest, known])
        : await this.database.rows<ManifestRow>(FIND_BY_TAG, [repository, reference.tag, known]);
    return row ? stored(row) : null;
  }

  /**
   * As `find`, for who may push: an index may list the manifest, or a tag name it, until the lease ends. Writes only where
   * nothing uses it and the lease is past its half.
   */
  async findAndLease(repository: RepositoryName, digest: Digest, known: Digest[]): Promise<StoredManifest | null> {
    const values = [repository, digest, known, this.leaseSeconds / 2];
    const [row] = await this.database.rows<ManifestRow & { id: string; wants_lease: boolean }>(FIND_FOR_PUSH, values);
    if (!row) return null;
    if (!row.wants_lease) return stored(row);
    const leased = await this.database.rows(LEASE, [row.id, this.leaseSeconds]);
    return leased.length > 0 ? stored(row) : null;
  }

  /** Removes the manifest and every tag of it; refused while an index refers to it. */
  async delete(
    repository: RepositoryName,
    digest: Digest,
    event: { subject: string; payload: object },
  ): Promise<DeleteManifestOutcome> {
    try {
      const gone = await this.database.rows(DELETE, [repository, digest, event.subject, JSON.stringify(event.payload)]);
      return gone.length > 0 ? 'deleted' : 'unknown';
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'referenced';
      throw error;
    }
  }

  private async resolve({
    repository,
    manifest,
  }: NewManifest): Promise<'repository-unknown' | MissingReferences | WrongSizes | References> {
    const blobs = manifest.blobs.map((descriptor) => descriptor.digest);
    const others = manifest.manifests.map((descriptor) => descriptor.digest);
    const found = await this.database.rows<ReferencedRow>(REFERENCED, [repository, [...blobs, ...others], others]);
    if (!found[0]) return 'repository-unknown';
    const links = new Map(found.filter((row) => row.child_id === null).map((row) => [row.digest, Number(row.size)]));
    const children = new Map(found.filter((row) => row.child_id !== null).map((row) => [row.digest, row]));
    // An entry of an index may be a plain blob, whatever its media type says (BuildKit's cache export).
    const missing = [
      ...manifest.blobs.filter(({ digest }) => !links.has(digest)),
      ...manifest.manifests.filter(
        (entry) => !children.has(entry.digest) && (isManifestMediaType(entry.mediaType) || !links.has(entry.digest)),
      ),
    ];
    if (missing.length > 0) return { missing: missing.map(({ digest, mediaType }) => ({ digest, mediaType })) };
    const wrongSizes = [
      ...manifest.blobs.map((blob) => stating(blob, links.get(blob.digest)!)),
      ...manifest.manifests.map((entry) =>
        stating(entry, Number(children.get(entry.digest)?.size ?? links.get(entry.digest))),
      ),
    ].filter(({ stated, size }) => stated !== size);
    if (wrongSizes.length > 0) return { wrongSizes };
    const entriesThatAreBlobs = others.filter((digest) => !children.has(digest));
    const referenced = [...new Set([...blobs, ...entriesThatAreBlobs])].sort();
    const sizes = [
      ...referenced.map((digest) => links.get(digest)!),
      ...[...children.values()].map((row) => Number(row.image_size)),
    ];
    return {
      repositoryId: found[0].repository_id,
      blobs: referenced,
      children: [...children.values()].map((row) => row.child_id!),
      size: sizes.reduce((sum, size) => sum + size, 0),
    };
  }

  private isUnderQuota({ tags }: NewManifest): boolean {
    return this.tagQuota > 0 && tags.length > 0;
  }

  /** A tag that is not there cannot be locked: then it is made, and nothing else, and that it was shows who was first. */
  private insertIfItMay(
    push: NewManifest,
    references: References,
  ): Promise<'stored' | 'precondition-failed' | 'tag-quota-reached'> {
    const { precondition, repository, tags } = push;
    const isUnderQuota = this.isUnderQuota(push);
    const { repositoryId } = references;
    return this.database.transaction(async (rows) => {
      if (isUnderQuota) await lockTagQuota(rows, repositoryId);
      const named = precondition ? await lockTag(rows, repository, precondition.tag) : null;
      if (precondition?.holds(named) === false) return 'precondition-failed';
      if (isUnderQuota && !(await fitsTagQuota(rows, repositoryId, tags, this.tagQuota))) return 'tag-quota-reached';
      const onlyNew = precondition && named === null ? precondition.tag : null;
      const tagged = await this.insert(rows, push, references, onlyNew);
      if (precondition && !tagged.includes(precondition.tag)) throw new TagWasMade();
      return 'stored';
    });
  }

  /** Gives the tags that were set; `onlyNew` is not, where it is there already. */
  private async insert(
    rows: Database['rows'],
    { manifest, payload, tags, event }: NewManifest,
    references: References,
    onlyNew: Tag | null,
  ): Promise<Tag[]> {
    const tagged = await rows<{ name: Tag }>(PUT, [
      references.repositoryId,
      manifest.digest,
      manifest.mediaType,
      manifest.artifactType ?? null,
      manifest.subject?.digest ?? null,
      manifest.annotations ? JSON.stringify(manifest.annotations) : null,
      payload.length,
      payload,
      references.blobs,
      references.children,
      tags,
      event.subject,
      JSON.stringify(event.payload),
      onlyNew,
      payload.length + references.size,
      this.leaseSeconds,
    ]);
    return tagged.map(({ name }) => name);
  }
}

const stating = ({ digest, size: stated }: Descriptor, size: number) => ({ digest, stated, size });

interface References {
  repositoryId: string;
  /** In digest order, which is the order in which the foreign keys lock. */
  blobs: string[];
  children: string[];
  /** Bytes of all of them, an index' images with what they refer to. */
  size: number;
}

interface ReferencedRow {
  repository_id: string;
  digest: Digest;
  size: string;
  child_id: string | null;
  image_size: string | null;
}

interface ManifestRow {
  digest: Digest;
  media_type: string;
  size: number;
  subject_digest: Digest | null;
  payload: Buffer | null;
}

const stored = (row: ManifestRow): StoredManifest => ({
  digest: row.digest,
  mediaType: row.media_type,
  size: row.size,
  subjectDigest: row.subject_digest,
  payload: row.payload,
});
