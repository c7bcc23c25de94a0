import type { Digest, RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import {
  KEEP,
  LINK_IS_REFERENCED,
  linkIsDue,
  MANIFEST_IS_DUE,
  MANIFEST_IS_IN_USE,
  POLICY_ENDS,
  UNTAGGED_POLICY,
} from './garbage-conditions.js';
import { removeBlobLinks } from './repository-blob.store.js';

/** A link whose protection ended more than the grace ago. */
export interface DueLink {
  repositoryId: string;
  digest: string;
}

/** A manifest to be looked at: its lease is over, or something let go of it. */
export interface DueManifest {
  id: string;
  repositoryId: string;
}

export interface GarbageTiming {
  /** How long after its protection ended a link is judged. */
  graceSeconds: number;
  /** How long a read that was granted may still run: an object outlives its row by this. */
  pullWindowSeconds: number;
}

export type LinkVerdict = 'removed' | 'referenced' | 'not-due';

/** `postponed`: the policy does not let it go yet. */
export type ManifestVerdict = 'removed' | 'in-use' | 'kept' | 'postponed' | 'not-due';

/** Written to the outbox in the transaction that removes the manifest. */
export type CollectedEvent = (repository: RepositoryName, digest: Digest) => { subject: string; payload: object };

/**
 * How much of a queue is due: entries, counted up to 10,000, and for how many seconds the oldest has been. An object that could
 * not be deleted is due until it is, though its next try comes later.
 */
export interface QueueBacklog {
  length: number;
  oldestSeconds: number;
}

/** In their order: what one gives, the next ones have. */
export const QUEUES = ['policies', 'subjects', 'manifests', 'links', 'objects'] as const;
export type Queue = (typeof QUEUES)[number];

const DUE_LINKS = {
  name: 'garbage-due-links',
  text: `SELECT repository_id, digest FROM registry.repository_blob
         WHERE ${linkIsDue('$1')} ORDER BY review_after LIMIT $2`,
};
const LOCK_BLOB = { name: 'garbage-lock-blob', text: `SELECT digest FROM registry.blob WHERE digest = $1 FOR UPDATE` };
const LOCK_LINK = {
  name: 'garbage-lock-link',
  text: `SELECT ${linkIsDue('$3')} AS due FROM registry.repository_blob WHERE repository_id = $1 AND digest = $2 FOR UPDATE`,
};
const IS_REFERENCED = {
  name: 'garbage-is-referenced',
  text: `SELECT FROM registry.repository_blob rb WHERE repository_id = $1 AND digest = $2 AND ${LINK_IS_REFERENCED}`,
};
const SETTLE_LINK = {
  name: 'garbage-settle-link',
  text: `UPDATE registry.repository_blob SET review_after = NULL WHERE repository_id = $1 AND digest = $2`,
};
const POSTPONE_LINK = {
  name: 'garbage-postpone-link',
  text: `UPDATE registry.repository_blob SET review_after = now() + make_interval(secs => $3)
         WHERE repository_id = $1 AND digest = $2 AND review_after <= now()`,
};
const DUE_MANIFESTS = {
  name: 'garbage-due-manifests',
  text: `SELECT id, repository_id AS "repositoryId" FROM registry.manifest WHERE ${MANIFEST_IS_DUE} ORDER BY review_after LIMIT $1`,
};
/** Who changes a policy locks these rows FOR UPDATE. */
const LOCK_POLICIES = {
  name: 'garbage-lock-policies',
  text: `SELECT FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id, registry.untagged_default d
         WHERE r.id = $1 AND d.id = 1 FOR KEY SHARE`,
};
/** By its key alone: with the date as a condition, PostgreSQL may read the queue instead while its statistics are old. */
const LOCK_MANIFEST = {
  name: 'garbage-lock-manifest',
  text: `SELECT ${MANIFEST_IS_DUE} AS due FROM registry.manifest WHERE id = $1 FOR UPDATE`,
};
const JUDGE_MANIFEST = {
  name: 'garbage-judge-manifest',
  text: `SELECT m.digest, r.path, ${MANIFEST_IS_IN_USE} AS in_use, ${UNTAGGED_POLICY} AS policy, ${POLICY_ENDS} > now() AS protected
         FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
         JOIN manage.organisation o ON o.id = r.organisation_id WHERE m.id = $1`,
};
const SETTLE_MANIFEST = {
  name: 'garbage-settle-manifest',
  text: `UPDATE registry.manifest SET review_after = NULL WHERE id = $1`,
};
const SCHEDULE_MANIFEST = {
  name: 'garbage-schedule-manifest',
  text: `UPDATE registry.manifest SET review_after = released_at + make_interval(secs => $2) WHERE id = $1`,
};
const POSTPONE_MANIFEST = {
  name: 'garbage-postpone-manifest',
  text: `UPDATE registry.manifest SET review_after = now() + make_interval(secs => $2) WHERE id = $1 AND review_after <= now()`,
};
const COLLECT_MANIFEST = {
  name: 'garbage-collect-manifest',
  text: `WITH gone AS (DELETE FROM registry.manifest WHERE id = $1 RETURNING id)
         INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $2, $3 FROM gone`,
};
const NEXT_RELEASE = {
  name: 'garbage-next-release',
  text: `SELECT id, repository_id, subject_digest, after_digest FROM registry.referrer_release ORDER BY id LIMIT 1`,
};
/** Locks in the order in which the deletion of a manifest does. */
const RELEASE_REFERRERS = {
  name: 'garbage-release-referrers',
  text: `WITH next AS (SELECT id, digest FROM registry.manifest
           WHERE repository_id = $1 AND subject_digest = $2 AND digest > $3 ORDER BY digest LIMIT $4 FOR NO KEY UPDATE),
         released AS (UPDATE registry.manifest m SET review_after = greatest(m.review_after, now()), released_at = now()
           FROM next WHERE m.id = next.id)
         SELECT max(digest) AS last FROM next`,
};
const ADVANCE_RELEASE = {
  name: 'garbage-advance-release',
  text: `UPDATE registry.referrer_release SET after_digest = $3 WHERE id = $1 AND after_digest = $2`,
};
const FINISH_RELEASE = {
  name: 'garbage-finish-release',
  text: `DELETE FROM registry.referrer_release WHERE id = $1 AND after_digest = $2`,
};
const RELEASED_AT_ONCE = 1_000;
const TAKE_OBJECTS = {
  name: 'garbage-take-objects',
  text: `UPDATE registry.object_deletion SET attempts = attempts + 1, due_since = coalesce(due_since, not_before),
           not_before = now() + make_interval(secs => least(3600, 30 * power(2, least(attempts, 10))))
         WHERE object_key IN (SELECT object_key FROM registry.object_deletion WHERE not_before <= now()
           ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING object_key`,
};
const FINISH_OBJECTS = {
  name: 'garbage-finish-objects',
  text: `WITH finished AS (DELETE FROM registry.object_deletion WHERE object_key = ANY($1) RETURNING size)
         SELECT count(*)::int AS objects, coalesce(sum(size), 0)::text AS bytes FROM finished`,
};
const DROP_ORDERS = {
  name: 'garbage-drop-orders',
  text: `DELETE FROM registry.object_deletion d USING registry.blob b
         WHERE d.object_key = ANY($1) AND b.object_key = d.object_key RETURNING d.object_key`,
};
const FAIL_OBJECT = {
  name: 'garbage-fail-object',
  text: `UPDATE registry.object_deletion SET last_error = $2 WHERE object_key = $1`,
};
const NEXT_REVIEW = {
  name: 'garbage-next-review',
  text: `SELECT extract(epoch FROM least(
      (SELECT min(review_after) FROM registry.repository_blob) + make_interval(secs => $1),
      (SELECT min(review_after) FROM registry.manifest)) - now())::float8 AS seconds`,
};
const NEXT_DELETION = {
  name: 'garbage-next-deletion',
  text: `SELECT extract(epoch FROM min(not_before) - now())::float8 AS seconds FROM registry.object_deletion`,
};
/** Of each queue a bounded number of rows at the due end of its index. */
const due = (rows: string) => `SELECT count(*)::int AS length,
    coalesce(extract(epoch FROM now() - min(since)), 0)::float8 AS "oldestSeconds" FROM (${rows} LIMIT 10000) AS due`;
const BACKLOGS = {
  policies: {
    name: 'garbage-backlog-policies',
    text: due('SELECT created_at AS since FROM registry.untagged_review ORDER BY id'),
  },
  subjects: {
    name: 'garbage-backlog-subjects',
    text: due('SELECT created_at AS since FROM registry.referrer_release ORDER BY id'),
  },
  manifests: {
    name: 'garbage-backlog-manifests',
    text: due(`SELECT review_after AS since FROM registry.manifest WHERE ${MANIFEST_IS_DUE} ORDER BY review_after`),
  },
  links: {
    name: 'garbage-backlog-links',
    text: due(`SELECT review_after + make_interval(secs => $1) AS since FROM registry.repository_blob
      WHERE ${linkIsDue('$1')} ORDER BY review_after`),
  },
  objects: {
    name: 'garbage-backlog-objects',
    text: due(`(SELECT due_since AS since FROM registry.object_deletion WHERE due_since IS NOT NULL ORDER BY due_since LIMIT 10000)
      UNION ALL (SELECT not_before FROM registry.object_deletion WHERE not_before <= now() AND due_since IS NULL
        ORDER BY not_before LIMIT 10000)`),
  },
} satisfies Record<Queue, { name: string; text: string }>;

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
      const [locked] = await rows<{ due: boolean | null }>(LOCK_LINK, [repositoryId, digest, this.timing.graceSeconds]);
      if (!locked?.due) return 'not-due';
      const references = await rows(IS_REFERENCED, [repositoryId, digest]);
      if (references.length > 0) {
        await rows(SETTLE_LINK, [repositoryId, digest]);
        return 'referenced';
      }
      await removeBlobLinks(rows, repositoryId, [digest], this.timing.pullWindowSeconds);
      return 'removed';
    });
  }

  /** Puts the review of a link off, where something went wrong in it. */
  async postponeLink({ repositoryId, digest }: DueLink, seconds: number): Promise<void> {
    await this.database.rows(POSTPONE_LINK, [repositoryId, digest, seconds]);
  }

  /** The longest due first. */
  async dueManifests(limit: number): Promise<DueManifest[]> {
    return this.database.rows<DueManifest>(DUE_MANIFESTS, [limit]);
  }

  /**
   * Removes the manifest where nothing uses it and the policy lets it go. Its policies are locked first, then itself, as by a
   * push and by a delete: what gave it a tag, an index, a subject or a lease before is seen, and what comes later finds it gone.
   */
  reviewManifest({ id, repositoryId }: DueManifest, event: CollectedEvent): Promise<ManifestVerdict> {
    return this.database.transaction(async (rows) => {
      const policies = await rows(LOCK_POLICIES, [repositoryId]);
      const [locked] = await rows<{ due: boolean | null }>(LOCK_MANIFEST, [id]);
      if (!locked?.due) return 'not-due';
      if (policies.length === 0)
        throw new Error(
          'registry.untagged_default has lost its row, by hand: restart a gc-worker, which writes it again',
        );
      const judged = (await rows<JudgedManifest>(JUDGE_MANIFEST, [id]))[0]!;
      if (judged.in_use || judged.policy === KEEP) {
        await rows(SETTLE_MANIFEST, [id]);
        return judged.in_use ? 'in-use' : 'kept';
      }
      if (judged.protected) {
        await rows(SCHEDULE_MANIFEST, [id, judged.policy]);
        return 'postponed';
      }
      const { subject, payload } = event(judged.path, judged.digest);
      await rows(COLLECT_MANIFEST, [id, subject, JSON.stringify(payload)]);
      return 'removed';
    });
  }

  async postponeManifest({ id }: DueManifest, seconds: number): Promise<void> {
    await this.database.rows(POSTPONE_MANIFEST, [id, seconds]);
  }

  /**
   * Queues some referrers of a subject that is gone and had more than its deletion could queue. False where there are none.
   * Several may take the same step, and one that dies in it leaves it to the next.
   */
  async releaseStep(): Promise<boolean> {
    const [release] = await this.database.rows<ReleaseRow>(NEXT_RELEASE, []);
    if (!release) return false;
    const { id, after_digest: after } = release;
    const from = [release.repository_id, release.subject_digest, after];
    const [{ last } = { last: null }] = await this.database.rows<{ last: Digest | null }>(RELEASE_REFERRERS, [
      ...from,
      RELEASED_AT_ONCE,
    ]);
    if (last === null) await this.database.rows(FINISH_RELEASE, [id, after]);
    else await this.database.rows(ADVANCE_RELEASE, [id, after, last]);
    return true;
  }

  /** Hands out the keys of objects to delete; one that is not finished comes again later, with growing delay. */
  async takeObjectDeletions(limit: number): Promise<string[]> {
    const rows = await this.database.rows<{ object_key: string }>(TAKE_OBJECTS, [limit]);
    return rows.map((row) => row.object_key);
  }

  /** Takes those out of the queue that a blob has, and gives their keys: none, unless somebody has put rows there by hand. */
  async dropDeletionsOfBlobs(objectKeys: string[]): Promise<string[]> {
    const rows = await this.database.rows<{ object_key: string }>(DROP_ORDERS, [objectKeys]);
    return rows.map((row) => row.object_key);
  }

  /** Gives how many were still queued, and their bytes: what two workers delete counts for one of them. */
  async finishObjectDeletions(objectKeys: string[]): Promise<{ objects: number; bytes: number }> {
    const [row] = await this.database.rows<{ objects: number; bytes: string }>(FINISH_OBJECTS, [objectKeys]);
    return { objects: row!.objects, bytes: Number(row!.bytes) };
  }

  async failObjectDeletion(objectKey: string, reason: string): Promise<void> {
    await this.database.rows(FAIL_OBJECT, [objectKey, reason]);
  }

  /** Seconds until a manifest or a link is due (negative: overdue); null where none waits. */
  async secondsUntilReview(): Promise<number | null> {
    const [row] = await this.database.rows<{ seconds: number | null }>(NEXT_REVIEW, [this.timing.graceSeconds]);
    return row!.seconds;
  }

  /** As secondsUntilReview, of objects. */
  async secondsUntilDeletion(): Promise<number | null> {
    const [row] = await this.database.rows<{ seconds: number | null }>(NEXT_DELETION, []);
    return row!.seconds;
  }

  async backlog(queue: Queue): Promise<QueueBacklog> {
    const values = queue === 'links' ? [this.timing.graceSeconds] : [];
    return (await this.database.rows<QueueBacklog>(BACKLOGS[queue], values))[0]!;
  }
}

interface ReleaseRow {
  id: string;
  repository_id: string;
  subject_digest: Digest;
  after_digest: string;
}

interface JudgedManifest {
  digest: Digest;
  path: RepositoryName;
  in_use: boolean;
  policy: number;
  protected: boolean;
}
