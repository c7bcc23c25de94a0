import type { Digest, RepositoryName } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';

/** A blob as one repository sees it. */
export interface LinkedBlob {
  digest: Digest;
  size: number;
  objectKey: string;
}

/** An upload whose bytes are complete and hash to `digest`. */
export interface CompletedUpload {
  repository: RepositoryName;
  sessionId: string;
  claim: string;
  digest: Digest;
  objectKey: string;
  size: number;
}

export interface BlobTiming {
  /** How long a blob that nothing references yet is protected after an upload, a mount or a HEAD. */
  leaseSeconds: number;
  /** How long a read that was granted may still run: an object outlives its row by this. */
  pullWindowSeconds: number;
}

export type CommitOutcome = 'committed' | 'repository-unknown' | 'session-unknown';

/** Of a link `rb`. Whose object is not what its row says is as good as not there, until somebody uploads it again. */
export const NOT_IN_QUARANTINE = `NOT EXISTS (
  SELECT FROM registry.blob_quarantine q WHERE q.digest = rb.digest AND q.quarantined_at IS NOT NULL)`;

/** Of a row `q` of the quarantine: what its object takes up, where a whole one takes `size`. What is missing frees nothing. */
const BYTES_OF_DAMAGED = (size: string) =>
  `CASE WHEN q.reason = 'missing' AND q.quarantined_at IS NOT NULL THEN 0 ELSE ${size}::bigint END`;

/** Where an object goes from its row, it is read for as long as the window from then on, not from the BEGIN before a wait for locks. */
const COMMIT = {
  name: 'blob-commit-upload',
  text: `WITH repo AS (SELECT id FROM registry.repository WHERE path = $1),
    ended AS (DELETE FROM storage.upload_session WHERE id = $2 AND claim = $3 AND EXISTS (SELECT FROM repo) RETURNING id),
    made AS (INSERT INTO registry.blob (digest, object_key, size) SELECT $4, $5, $6 FROM ended
             ON CONFLICT (digest) DO NOTHING RETURNING digest),
    held AS (SELECT b.digest FROM registry.blob b, registry.blob_quarantine q, ended
             WHERE b.digest = $4 AND q.digest = $4 FOR UPDATE OF b),
    cured AS (DELETE FROM registry.blob_quarantine q USING held
              WHERE q.digest = held.digest RETURNING q.digest, q.object_key, ${BYTES_OF_DAMAGED('$6')} AS size),
    repaired AS (UPDATE registry.blob b SET object_key = $5, size = $6 FROM cured
                 WHERE b.digest = cured.digest RETURNING b.digest),
    damaged AS (INSERT INTO registry.object_deletion (object_key, digest, size, not_before)
                SELECT cured.object_key, $4, cured.size, clock_timestamp() + make_interval(secs => $8) FROM cured ON CONFLICT DO NOTHING),
    redundant AS (INSERT INTO registry.object_deletion (object_key, digest, size, not_before)
                  SELECT $5, $4, $6, now() FROM ended WHERE NOT EXISTS (SELECT FROM made) AND NOT EXISTS (SELECT FROM repaired)),
    link AS (INSERT INTO registry.repository_blob (repository_id, digest, size, review_after)
             SELECT repo.id, $4, $6, now() + make_interval(secs => $7) FROM repo, ended
             ON CONFLICT (repository_id, digest)
             DO UPDATE SET review_after = greatest(registry.repository_blob.review_after, excluded.review_after))
    SELECT (SELECT count(*) FROM repo)::int AS repositories, (SELECT count(*) FROM ended)::int AS sessions`,
};
const FIND = {
  name: 'blob-find',
  text: `SELECT b.digest, b.size, b.object_key FROM registry.repository r
         JOIN registry.repository_blob rb ON rb.repository_id = r.id AND rb.digest = $2
         JOIN registry.blob b ON b.digest = rb.digest WHERE r.path = $1 AND ${NOT_IN_QUARANTINE}`,
};
const FIND_FOR_PUSH = {
  name: 'blob-find-for-push',
  text: `SELECT b.digest, b.size, b.object_key, r.id AS repository_id,
           (rb.review_after IS NULL OR rb.review_after < now() + make_interval(secs => $3)) AND NOT EXISTS (
             SELECT FROM registry.manifest_blob mb WHERE mb.repository_id = r.id AND mb.digest = rb.digest) AS wants_lease
         FROM registry.repository r
         JOIN registry.repository_blob rb ON rb.repository_id = r.id AND rb.digest = $2
         JOIN registry.blob b ON b.digest = rb.digest WHERE r.path = $1 AND ${NOT_IN_QUARANTINE}`,
};
const LEASE = {
  name: 'blob-lease',
  text: `UPDATE registry.repository_blob SET review_after = greatest(review_after, now() + make_interval(secs => $3))
         WHERE repository_id = $1 AND digest = $2 RETURNING digest`,
};
const MOUNT = {
  name: 'blob-mount',
  text: `WITH source AS (
      SELECT rb.digest, rb.size FROM registry.repository r
      JOIN registry.repository_blob rb ON rb.repository_id = r.id AND rb.digest = $3 WHERE r.path = $2 AND ${NOT_IN_QUARANTINE})
    INSERT INTO registry.repository_blob (repository_id, digest, size, review_after)
    SELECT r.id, source.digest, source.size, now() + make_interval(secs => $4) FROM registry.repository r, source WHERE r.path = $1
    ON CONFLICT (repository_id, digest)
    DO UPDATE SET review_after = greatest(registry.repository_blob.review_after, excluded.review_after)
    RETURNING digest`,
};
const LOCK_LINK = {
  name: 'blob-lock-link',
  text: `SELECT rb.repository_id, EXISTS (SELECT FROM registry.manifest_blob mb
           WHERE mb.repository_id = rb.repository_id AND mb.digest = rb.digest) AS referenced
         FROM registry.repository r JOIN registry.repository_blob rb ON rb.repository_id = r.id AND rb.digest = $2
         WHERE r.path = $1`,
};
const DISCARD = {
  name: 'blob-discard-object',
  text: `INSERT INTO registry.object_deletion (object_key, digest, size, not_before) SELECT $1, $3, $2, now()
         WHERE NOT EXISTS (SELECT FROM registry.blob WHERE object_key = $1) ON CONFLICT (object_key) DO NOTHING`,
};
const ATTEMPTS = 3;

/** Blobs and their links to repositories. Written by registry-v2; removed by registry-v2 and gc-worker. */
export class RepositoryBlobStore {
  constructor(
    private readonly database: Database,
    private readonly timing: BlobTiming,
  ) {}

  /**
   * One transaction: the session ends, the blob becomes true, the repository gets its link and the link a lease. Bytes
   * that are there already under another key make the new object redundant: it is queued for deletion. A blob in
   * quarantine, or suspected, gets the new object, and is out of it.
   */
  async commitUpload(upload: CompletedUpload): Promise<CommitOutcome> {
    const { repository, sessionId, claim, digest, objectKey, size } = upload;
    const values = [
      repository,
      sessionId,
      claim,
      digest,
      objectKey,
      size,
      this.timing.leaseSeconds,
      this.timing.pullWindowSeconds,
    ];
    const [row] = await this.withoutVanishedBlob(() =>
      this.database.rows<{ repositories: number; sessions: number }>(COMMIT, values),
    );
    if (row?.sessions) return 'committed';
    return row?.repositories ? 'session-unknown' : 'repository-unknown';
  }

  /**
   * Queues an object for deletion whose session ended otherwise than by a commit of it. Harmless where it was committed
   * after all, by the same question asked before: then a blob has its key.
   */
  async discard({ objectKey, size, digest }: CompletedUpload): Promise<void> {
    await this.database.rows(DISCARD, [objectKey, size, digest]);
  }

  /** For reading: no lease. Null where this repository has no such blob. */
  async find(repository: RepositoryName, digest: Digest): Promise<LinkedBlob | null> {
    const [row] = await this.database.rows<BlobRow>(FIND, [repository, digest]);
    return row ? linkedBlob(row) : null;
  }

  /**
   * For a HEAD, after which a client skips its upload: whoever reads non-null may reference the blob until the lease ends.
   * Writes only when no manifest of the repository references the blob and the lease is past its half.
   */
  async findAndLease(repository: RepositoryName, digest: Digest): Promise<LinkedBlob | null> {
    const [row] = await this.database.rows<BlobRow & { repository_id: string; wants_lease: boolean }>(FIND_FOR_PUSH, [
      repository,
      digest,
      this.timing.leaseSeconds / 2,
    ]);
    if (!row) return null;
    if (!row.wants_lease) return linkedBlob(row);
    const leased = await this.database.rows(LEASE, [row.repository_id, digest, this.timing.leaseSeconds]);
    return leased.length > 0 ? linkedBlob(row) : null;
  }

  /** Links a blob of `from` into `repository`, with a lease; false where either is missing. */
  async mount(repository: RepositoryName, from: RepositoryName, digest: Digest): Promise<boolean> {
    const mounted = await this.withoutVanishedBlob(() =>
      this.database.rows(MOUNT, [repository, from, digest, this.timing.leaseSeconds]),
    );
    return mounted.length > 0;
  }

  /** Takes the blob out of the repository, unless a manifest there references it. */
  async unlink(repository: RepositoryName, digest: Digest): Promise<'unlinked' | 'referenced' | 'unknown'> {
    const [link] = await this.database.rows<{ repository_id: string; referenced: boolean }>(LOCK_LINK, [
      repository,
      digest,
    ]);
    if (!link) return 'unknown';
    if (link.referenced) return 'referenced';
    try {
      return (await this.removeLink(link.repository_id, digest)) ? 'unlinked' : 'unknown';
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'referenced';
      throw error;
    }
  }

  private removeLink(repositoryId: string, digest: Digest): Promise<boolean> {
    return this.database.transaction(
      async (rows) => (await removeBlobLinks(rows, repositoryId, [digest], this.timing.pullWindowSeconds)) > 0,
    );
  }

  /**
   * A statement that found the blob's row and then lost it to a concurrent removal fails at its foreign key: nothing of
   * it happened, so it runs again and sees the row gone.
   */
  private async withoutVanishedBlob<T>(statement: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await statement();
      } catch (error) {
        if (!isForeignKeyViolation(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

const LOCK_BLOBS = {
  name: 'blob-lock',
  text: `SELECT size, object_key FROM registry.blob WHERE digest = ANY($1) ORDER BY digest FOR UPDATE`,
};
const DELETE_LINKS = {
  name: 'blob-delete-links',
  text: `WITH locked AS (SELECT digest FROM registry.repository_blob WHERE repository_id = $1 AND digest = ANY($2)
           ORDER BY digest FOR UPDATE)
         DELETE FROM registry.repository_blob rb USING locked WHERE rb.repository_id = $1 AND rb.digest = locked.digest
         RETURNING rb.digest`,
};
const DELETE_UNLINKED = {
  name: 'blob-delete-unlinked',
  text: `WITH gone AS (DELETE FROM registry.blob b WHERE b.digest = ANY($1)
           AND NOT EXISTS (SELECT FROM registry.repository_blob rb WHERE rb.digest = b.digest) RETURNING object_key, digest, size)
         INSERT INTO registry.object_deletion (object_key, digest, size, not_before)
         SELECT gone.object_key, gone.digest, ${BYTES_OF_DAMAGED('gone.size')}, clock_timestamp() + make_interval(secs => $2)
         FROM gone LEFT JOIN registry.blob_quarantine q ON q.digest = gone.digest ON CONFLICT (object_key) DO NOTHING`,
};

/**
 * Inside a transaction: removes a repository's links to these blobs, and with a blob's last link its row, whose object is
 * then deleted after `windowSeconds` (the longest read grant). Locks blobs, then links, in digest order. A link that a
 * manifest references fails the foreign key. Gives how many links there were.
 */
export async function removeBlobLinks(
  rows: Database['rows'],
  repositoryId: string,
  digests: string[],
  windowSeconds: number,
): Promise<number> {
  await rows(LOCK_BLOBS, [digests]);
  const removed = await rows<{ digest: string }>(DELETE_LINKS, [repositoryId, digests]);
  if (removed.length > 0) await rows(DELETE_UNLINKED, [removed.map(({ digest }) => digest), windowSeconds]);
  return removed.length;
}

interface BlobRow {
  digest: Digest;
  size: string;
  object_key: string;
}

const linkedBlob = (row: BlobRow): LinkedBlob => ({
  digest: row.digest,
  size: Number(row.size),
  objectKey: row.object_key,
});
