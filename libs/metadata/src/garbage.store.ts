import type { Database } from './database.js';
import { removeBlobLinks } from './repository-blob.store.js';

/** A link whose protection ended more than the grace ago. */
export interface DueLink {
  repositoryId: string;
  digest: string;
}

export interface DueObjectDeletion {
  objectKey: string;
  size: number;
}

export interface GarbageTiming {
  /** How long after its protection ended a link is judged. */
  graceSeconds: number;
  /** How long a read that was granted may still run: an object outlives its row by this. */
  pullWindowSeconds: number;
}

export type LinkVerdict = 'removed' | 'referenced' | 'not-due';

const DUE_LINKS = {
  name: 'garbage-due-links',
  text: `SELECT repository_id, digest FROM registry.repository_blob
         WHERE review_after <= now() - make_interval(secs => $1) ORDER BY review_after LIMIT $2`,
};
const LOCK_BLOB = { name: 'garbage-lock-blob', text: `SELECT digest FROM registry.blob WHERE digest = $1 FOR UPDATE` };
const LOCK_LINK = {
  name: 'garbage-lock-link',
  text: `SELECT digest FROM registry.repository_blob WHERE repository_id = $1 AND digest = $2
         AND review_after <= now() - make_interval(secs => $3) FOR UPDATE`,
};
const IS_REFERENCED = {
  name: 'garbage-is-referenced',
  text: `SELECT 1 FROM registry.manifest_blob WHERE repository_id = $1 AND digest = $2 LIMIT 1`,
};
const SETTLE_LINK = {
  name: 'garbage-settle-link',
  text: `UPDATE registry.repository_blob SET review_after = NULL WHERE repository_id = $1 AND digest = $2`,
};
const SETTLE_MANIFESTS = {
  name: 'garbage-settle-manifests',
  text: `UPDATE registry.manifest SET review_after = NULL WHERE id IN (
           SELECT id FROM registry.manifest WHERE review_after <= now() - make_interval(secs => $1)
           ORDER BY review_after LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) RETURNING id`,
};
const TAKE_OBJECTS = {
  name: 'garbage-take-objects',
  text: `UPDATE registry.object_deletion SET attempts = attempts + 1,
           not_before = now() + make_interval(secs => least(3600, 30 * power(2, least(attempts, 10))))
         WHERE object_key IN (SELECT object_key FROM registry.object_deletion WHERE not_before <= now()
           ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING object_key, size`,
};
const FINISH_OBJECTS = {
  name: 'garbage-finish-objects',
  text: `DELETE FROM registry.object_deletion WHERE object_key = ANY($1)`,
};
const FAIL_OBJECT = {
  name: 'garbage-fail-object',
  text: `UPDATE registry.object_deletion SET last_error = $2 WHERE object_key = $1`,
};
const NEXT_DUE = {
  name: 'garbage-next-due',
  text: `SELECT extract(epoch FROM least(
      (SELECT min(review_after) FROM registry.repository_blob) + make_interval(secs => $1),
      (SELECT min(review_after) FROM registry.manifest) + make_interval(secs => $1),
      (SELECT min(not_before) FROM registry.object_deletion)) - now())::float8 AS seconds`,
};
const BACKLOG = {
  name: 'garbage-backlog',
  text: `SELECT (SELECT count(*) FROM registry.repository_blob WHERE review_after <= now() - make_interval(secs => $1))::int AS links,
           (SELECT count(*) FROM registry.object_deletion WHERE not_before <= now())::int AS objects`,
};

/**
 * What may go. A link is judged under the locks of its blob and itself, by statements that follow the locks; rows go in
 * that transaction, objects later (docs: garbage collection). Every clock is the database's.
 */
export class GarbageStore {
  constructor(
    private readonly database: Database,
    private readonly timing: GarbageTiming,
  ) {}

  async dueLinks(limit: number): Promise<DueLink[]> {
    const rows = await this.database.rows<{ repository_id: string; digest: string }>(DUE_LINKS, [
      this.timing.graceSeconds,
      limit,
    ]);
    return rows.map((row) => ({ repositoryId: row.repository_id, digest: row.digest }));
  }

  /** Removes the link, and its blob's row with the last link, unless it is referenced or protected by now. */
  reviewLink({ repositoryId, digest }: DueLink): Promise<LinkVerdict> {
    return this.database.transaction(async (rows) => {
      await rows(LOCK_BLOB, [digest]);
      const due = await rows(LOCK_LINK, [repositoryId, digest, this.timing.graceSeconds]);
      if (due.length === 0) return 'not-due';
      const references = await rows(IS_REFERENCED, [repositoryId, digest]);
      if (references.length > 0) {
        await rows(SETTLE_LINK, [repositoryId, digest]);
        return 'referenced';
      }
      await removeBlobLinks(rows, repositoryId, [digest], this.timing.pullWindowSeconds);
      return 'removed';
    });
  }

  /** The policy for untagged manifests is to keep them: their review ends without consequence. Returns how many. */
  async settleManifests(limit: number): Promise<number> {
    return (await this.database.rows(SETTLE_MANIFESTS, [this.timing.graceSeconds, limit])).length;
  }

  /** Hands out objects to delete; one that is not finished comes again later, with growing delay. */
  async takeObjectDeletions(limit: number): Promise<DueObjectDeletion[]> {
    const rows = await this.database.rows<{ object_key: string; size: string }>(TAKE_OBJECTS, [limit]);
    return rows.map((row) => ({ objectKey: row.object_key, size: Number(row.size) }));
  }

  async finishObjectDeletions(objectKeys: string[]): Promise<void> {
    await this.database.rows(FINISH_OBJECTS, [objectKeys]);
  }

  async failObjectDeletion(objectKey: string, reason: string): Promise<void> {
    await this.database.rows(FAIL_OBJECT, [objectKey, reason]);
  }

  /** Seconds until something is due (negative: overdue); null where nothing waits. */
  async secondsUntilDue(): Promise<number | null> {
    const [row] = await this.database.rows<{ seconds: number | null }>(NEXT_DUE, [this.timing.graceSeconds]);
    return row?.seconds ?? null;
  }

  async backlog(): Promise<{ links: number; objects: number }> {
    const [row] = await this.database.rows<{ links: number; objects: number }>(BACKLOG, [this.timing.graceSeconds]);
    return row ?? { links: 0, objects: 0 };
  }
}
