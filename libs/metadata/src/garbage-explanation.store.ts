import type { Digest, RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import {
  LINK_IS_REFERENCED,
  linkIsDue,
  MANIFEST_IS_DUE,
  MANIFEST_IS_IN_USE,
  POLICY_ENDS,
  UNTAGGED_POLICY,
} from './garbage-conditions.js';
import type { Damage } from './reconciliation.store.js';
import { policyOf, type UntaggedPolicy } from './untagged-policy.store.js';

/** Up to a few of many, and how many there are, counted up to 1000. */
export interface Some<Thing> {
  shown: Thing[];
  count: number;
}

interface Read {
  /** By the clock of the database, when it was read. */
  now: Date;
}

/** A blob as one repository has it. */
export interface ExplainedLink extends Read {
  repository: RepositoryName;
  /** When it may be reviewed at the earliest, its grace included; null where no review is due. */
  reviewAfter: Date | null;
  leasedUntil: Date | null;
  /** Ids of manifests of the repository that reference it. */
  manifests: Some<string>;
}

export interface ExplainedManifest extends Read {
  id: string;
  repository: RepositoryName;
  digest: Digest;
  reviewAfter: Date | null;
  tags: Some<string>;
  /** Ids of the indexes that list it. */
  indexes: Some<string>;
  /** The id of the manifest that it refers to; null where that is not there. */
  subject: string | null;
  policy: UntaggedPolicy;
  policyFrom: 'repository' | 'organisation' | 'installation';
  /** When the policy lets it go, where it is not to keep. */
  policyEnds: Date;
  /** A policy that it is under has changed, or its subject went, and it has not been queued for that yet. */
  isToBeQueued: boolean;
}

export interface ExplainedBlob {
  size: number;
  /** Null where nothing wrong is known of its object; suspected until it is in quarantine. */
  damage: { reason: Damage; firstSeen: Date; isQuarantined: boolean } | null;
}

export interface QueuedObject {
  notBefore: Date;
  attempts: number;
  lastError: string | null;
}

/** What a review of everything that is due now would do. */
export interface GarbagePlan {
  manifests: { count: number; bytes: number; shown: { repository: RepositoryName; digest: Digest }[] };
  links: { count: number; shown: { repository: RepositoryName; digest: Digest }[] };
  /** Those of which no link is left. */
  blobs: { count: number; bytes: number };
  /** Already queued. */
  objects: { count: number; bytes: number };
  /** False where more is due than the plan looks at. */
  isComplete: boolean;
}

const MOST_COUNTED = 1_000;
const MOST_PLANNED = 2_000;
const MOST_OBJECTS = 10_000;

const some = (column: string, from: string, most: number) => `(SELECT jsonb_build_object(
    'shown', coalesce((SELECT jsonb_agg(${column}::text) FROM (SELECT ${column} ${from} ORDER BY ${column} LIMIT ${most}) AS shown), '[]'),
    'count', (SELECT count(*) FROM (SELECT ${from} LIMIT ${MOST_COUNTED}) AS counted)))`;
const BLOB = {
  name: 'explain-blob',
  text: `SELECT b.size, q.reason, q.first_seen, q.quarantined_at FROM registry.blob b
         LEFT JOIN registry.blob_quarantine q ON q.digest = b.digest WHERE b.digest = $1`,
};
const OBJECTS = {
  name: 'explain-objects',
  text: `SELECT not_before AS "notBefore", attempts, last_error AS "lastError" FROM registry.object_deletion WHERE digest = $1 LIMIT $2`,
};
const LINK_COLUMNS = `r.path AS repository, now() AS now, rb.review_after AS "leasedUntil",
  rb.review_after + make_interval(secs => $2) AS "reviewAfter",
  ${some('manifest_id', 'FROM registry.manifest_blob mb WHERE mb.repository_id = rb.repository_id AND mb.digest = rb.digest', 4)} AS manifests`;
const LINKS = {
  name: 'explain-links',
  text: `SELECT ${LINK_COLUMNS} FROM (SELECT * FROM registry.repository_blob WHERE digest = $1 LIMIT $3) rb
         JOIN registry.repository r ON r.id = rb.repository_id ORDER BY r.path`,
};
const LINK_IN_REPOSITORY = {
  name: 'explain-link-in-repository',
  text: `SELECT ${LINK_COLUMNS} FROM registry.repository r
         JOIN registry.repository_blob rb ON rb.repository_id = r.id AND rb.digest = $1 WHERE r.path = $3`,
};
const COUNT_LINKS = {
  name: 'explain-count-links',
  text: `SELECT count(*)::int AS count FROM (SELECT FROM registry.repository_blob WHERE digest = $1 LIMIT ${MOST_COUNTED}) AS counted`,
};
const MANIFEST_IDS = {
  name: 'explain-manifest-ids',
  text: `SELECT id FROM registry.manifest WHERE digest = $1 LIMIT ${MOST_COUNTED}`,
};
const MANIFEST_ID_IN_REPOSITORY = {
  name: 'explain-manifest-id-in-repository',
  text: `SELECT m.id FROM registry.repository r JOIN registry.manifest m ON m.repository_id = r.id AND m.digest = $1 WHERE r.path = $2`,
};
const MANIFESTS = {
  name: 'explain-manifests',
  text: `SELECT m.id, r.path AS repository, m.digest, now() AS now, m.review_after AS "reviewAfter",
      ${some('name', 'FROM registry.tag t WHERE t.manifest_id = m.id', 4)} AS tags,
      ${some('parent_id', 'FROM registry.manifest_child c WHERE c.child_id = m.id', 4)} AS indexes,
      (SELECT s.id FROM registry.manifest s WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest) AS subject,
      ${UNTAGGED_POLICY} AS policy, ${POLICY_ENDS} AS "policyEnds",
      CASE WHEN r.untagged_after IS NOT NULL THEN 'repository' WHEN o.untagged_after IS NOT NULL THEN 'organisation'
        ELSE 'installation' END AS "policyFrom",
      (EXISTS (SELECT FROM registry.untagged_review u WHERE u.repository_id = m.repository_id)
        OR EXISTS (SELECT FROM registry.untagged_review u WHERE u.organisation_id = r.organisation_id)
        OR EXISTS (SELECT FROM registry.untagged_review u WHERE u.organisation_id IS NULL AND u.repository_id IS NULL)
        OR EXISTS (SELECT FROM registry.referrer_release f
          WHERE f.repository_id = m.repository_id AND f.subject_digest = m.subject_digest)) AS "isToBeQueued"
    FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
    JOIN manage.organisation o ON o.id = r.organisation_id WHERE m.id = ANY($1) ORDER BY r.path, m.digest`,
};
const PLAN_MANIFESTS = {
  name: 'plan-manifests',
  text: `WITH looked_at AS (SELECT id, repository_id, digest, subject_digest, size, released_at FROM registry.manifest
           WHERE ${MANIFEST_IS_DUE} ORDER BY review_after LIMIT ${MOST_PLANNED})
         SELECT m.id, r.path AS repository, m.digest, m.size, (SELECT count(*) FROM looked_at)::int AS looked
         FROM looked_at m JOIN registry.repository r ON r.id = m.repository_id
         JOIN manage.organisation o ON o.id = r.organisation_id
         WHERE NOT ${MANIFEST_IS_IN_USE} AND ${UNTAGGED_POLICY} >= 0 AND ${POLICY_ENDS} <= now() ORDER BY r.path, m.digest`,
};
/** Links whose time has come, and those that only these manifests reference. */
const PLAN_LINKS = {
  name: 'plan-links',
  text: `WITH looked_at AS (SELECT repository_id, digest, size FROM registry.repository_blob
           WHERE ${linkIsDue('$2')} ORDER BY review_after LIMIT ${MOST_PLANNED}),
         freed AS (SELECT DISTINCT mb.repository_id, mb.digest FROM registry.manifest_blob mb WHERE mb.manifest_id = ANY($1)
           AND NOT EXISTS (SELECT FROM registry.manifest_blob other WHERE other.repository_id = mb.repository_id
             AND other.digest = mb.digest AND NOT other.manifest_id = ANY($1))),
         going AS (SELECT rb.repository_id, rb.digest, rb.size FROM looked_at rb WHERE NOT ${LINK_IS_REFERENCED}
           UNION SELECT rb.repository_id, rb.digest, rb.size FROM freed
             JOIN registry.repository_blob rb ON rb.repository_id = freed.repository_id AND rb.digest = freed.digest
               AND greatest(rb.review_after, now()) + make_interval(secs => $2) <= now()),
         last AS (SELECT g.digest, g.size FROM going g GROUP BY g.digest, g.size
           HAVING NOT EXISTS (SELECT FROM registry.repository_blob rb WHERE rb.digest = g.digest
             AND NOT EXISTS (SELECT FROM going other WHERE other.repository_id = rb.repository_id AND other.digest = rb.digest)))
         SELECT (SELECT count(*) FROM going)::int AS links, (SELECT count(*) FROM last)::int AS blobs,
           (SELECT coalesce(sum(size), 0) FROM last)::text AS bytes, (SELECT count(*) FROM looked_at)::int AS looked,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('repository', shown.path, 'digest', shown.digest)), '[]') FROM (
             SELECT r.path, going.digest FROM going JOIN registry.repository r ON r.id = going.repository_id
             ORDER BY 1, 2 LIMIT $3) AS shown) AS shown`,
};
const PLAN_OBJECTS = {
  name: 'plan-objects',
  text: `SELECT count(*)::int AS count, coalesce(sum(size), 0)::text AS bytes FROM (
           SELECT size FROM registry.object_deletion ORDER BY not_before LIMIT ${MOST_OBJECTS}) AS queued`,
};

/** Why something is kept, and what would go: reads only, by the conditions of the collector. Every answer is bounded. */
export class GarbageExplanationStore {
  constructor(
    private readonly database: Database,
    private readonly graceSeconds: number,
  ) {}

  /** A blob, wherever it is; null where there is none. */
  async blob(digest: Digest): Promise<ExplainedBlob | null> {
    const [row] = await this.database.rows<BlobRow>(BLOB, [digest]);
    if (!row) return null;
    const { reason, first_seen: firstSeen, quarantined_at: quarantinedAt } = row;
    const damage = reason === null ? null : { reason, firstSeen: firstSeen!, isQuarantined: quarantinedAt !== null };
    return { size: Number(row.size), damage };
  }

  /** Objects that held these bytes, and are to be deleted. */
  queuedObjects(digest: Digest, limit: number): Promise<QueuedObject[]> {
    return this.database.rows<QueuedObject>(OBJECTS, [digest, limit]);
  }

  /** Where the blob is; in one repository, or in all. */
  async links(digest: Digest, repository: RepositoryName | null, limit: number): Promise<Some<ExplainedLink>> {
    if (repository !== null) {
      const values = [digest, this.graceSeconds, repository];
      const shown = await this.database.rows<ExplainedLink>(LINK_IN_REPOSITORY, values);
      return { shown, count: shown.length };
    }
    const shown = await this.database.rows<ExplainedLink>(LINKS, [digest, this.graceSeconds, limit]);
    const [counted] = await this.database.rows<{ count: number }>(COUNT_LINKS, [digest]);
    return { shown, count: counted!.count };
  }

  /** Where the manifest is; in one repository, or in all. */
  async manifestIds(digest: Digest, repository: RepositoryName | null): Promise<string[]> {
    const rows =
      repository === null
        ? await this.database.rows<{ id: string }>(MANIFEST_IDS, [digest])
        : await this.database.rows<{ id: string }>(MANIFEST_ID_IN_REPOSITORY, [digest, repository]);
    return rows.map(({ id }) => id);
  }

  /** By repository and digest. What has gone meanwhile is left out. */
  async manifests(ids: string[]): Promise<ExplainedManifest[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.rows<Omit<ExplainedManifest, 'policy'> & { policy: number }>(MANIFESTS, [ids]);
    return rows.map((row) => ({ ...row, policy: policyOf(row.policy) }));
  }

  /** Shows up to `limit` of each. Nothing is changed, and nothing is locked. */
  async plan(limit: number): Promise<GarbagePlan> {
    const manifests = await this.database.rows<PlannedManifest>(PLAN_MANIFESTS, []);
    const ids = manifests.map(({ id }) => id);
    const [links] = await this.database.rows<PlannedLinks>(PLAN_LINKS, [ids, this.graceSeconds, limit]);
    const [objects] = await this.database.rows<{ count: number; bytes: string }>(PLAN_OBJECTS, []);
    return {
      manifests: {
        count: manifests.length,
        bytes: manifests.reduce((sum, { size }) => sum + size, 0),
        shown: manifests.slice(0, limit).map(({ repository, digest }) => ({ repository, digest })),
      },
      links: { count: links!.links, shown: links!.shown },
      blobs: { count: links!.blobs, bytes: Number(links!.bytes) },
      objects: { count: objects!.count, bytes: Number(objects!.bytes) },
      isComplete:
        (manifests[0]?.looked ?? 0) < MOST_PLANNED && links!.looked < MOST_PLANNED && objects!.count < MOST_OBJECTS,
    };
  }
}

interface BlobRow {
  size: string;
  reason: Damage | null;
  first_seen: Date | null;
  quarantined_at: Date | null;
}

interface PlannedManifest {
  id: string;
  repository: RepositoryName;
  digest: Digest;
  size: number;
  looked: number;
}

interface PlannedLinks {
  links: number;
  blobs: number;
  bytes: string;
  looked: number;
  shown: { repository: RepositoryName; digest: Digest }[];
}
