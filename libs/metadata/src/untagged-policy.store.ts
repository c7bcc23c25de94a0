import type { Digest, RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import { INSTALLATION_POLICY, KEEP, MANIFEST_IS_IN_USE, UNTAGGED_POLICY } from './garbage-conditions.js';

/** Seconds until an untagged manifest is collected; `keep` never. */
export type UntaggedPolicy = 'keep' | number;

/** Whose policy it is: a repository's, or an organisation's by name. */
export type PolicyOwner = { repository: RepositoryName } | { organisation: string };

export interface EffectivePolicy {
  /** Its own; null: it has that of what it belongs to. */
  own: UntaggedPolicy | null;
  effective: UntaggedPolicy;
  from: 'repository' | 'organisation' | 'installation';
}

const SHOW_REPOSITORY = {
  name: 'untagged-policy-of-repository',
  text: `SELECT r.untagged_after AS own, r.untagged_after AS repository, o.untagged_after AS organisation,
           ${INSTALLATION_POLICY} AS installation
         FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id WHERE r.path = $1`,
};
const SHOW_ORGANISATION = {
  name: 'untagged-policy-of-organisation',
  text: `SELECT o.untagged_after AS own, NULL::int AS repository, o.untagged_after AS organisation,
           ${INSTALLATION_POLICY} AS installation
         FROM manage.organisation o WHERE o.name = $1`,
};
/** Reviews hold these rows FOR KEY SHARE: what was judged by the old policy is committed before the new one is true. */
const LOCK_REPOSITORY = {
  name: 'untagged-policy-lock-repository',
  text: `SELECT id, untagged_after FROM registry.repository WHERE path = $1 FOR UPDATE`,
};
const LOCK_ORGANISATION = {
  name: 'untagged-policy-lock-organisation',
  text: `SELECT id, untagged_after FROM manage.organisation WHERE name = $1 FOR UPDATE`,
};
/** It is there, unless somebody has deleted it. */
const RESTORE_DEFAULT = {
  name: 'untagged-policy-restore-default',
  text: `INSERT INTO registry.untagged_default (id, untagged_after) VALUES (1, ${KEEP}) ON CONFLICT (id) DO NOTHING`,
};
const LOCK_DEFAULT = {
  name: 'untagged-policy-lock-default',
  text: `SELECT untagged_after FROM registry.untagged_default WHERE id = 1 FOR UPDATE`,
};
/** The review of what was set before is part of the new one, which starts at the beginning: an owner has one at most. */
const SET_REPOSITORY = {
  name: 'untagged-policy-set-repository',
  text: `WITH changed AS (UPDATE registry.repository SET untagged_after = $2 WHERE id = $1 AND audit.by($3) RETURNING id),
           older AS (DELETE FROM registry.untagged_review WHERE repository_id = $1)
         INSERT INTO registry.untagged_review (repository_id) SELECT id FROM changed`,
  audited: true as const,
};
const SET_ORGANISATION = {
  name: 'untagged-policy-set-organisation',
  text: `WITH changed AS (UPDATE manage.organisation SET untagged_after = $2 WHERE id = $1 AND audit.by($3) RETURNING id),
           older AS (DELETE FROM registry.untagged_review WHERE organisation_id = $1)
         INSERT INTO registry.untagged_review (organisation_id) SELECT id FROM changed`,
  audited: true as const,
};
const SET_DEFAULT = {
  name: 'untagged-policy-set-default',
  text: `WITH changed AS (UPDATE registry.untagged_default SET untagged_after = $1 WHERE id = 1 AND audit.by($2) RETURNING id),
           older AS (DELETE FROM registry.untagged_review WHERE organisation_id IS NULL AND repository_id IS NULL)
         INSERT INTO registry.untagged_review (organisation_id) SELECT NULL FROM changed`,
  audited: true as const,
};
const NEXT_REVIEW = {
  name: 'untagged-review-next',
  text: `SELECT id, organisation_id, repository_id, after_path, after_digest FROM registry.untagged_review ORDER BY id LIMIT 1`,
};
/**
 * Of the next so many the first that does not keep everything, else the last of them: those that do are behind us in one step.
 */
const repositoryBy = (name: string, condition: string) => ({
  name: `untagged-review-repository-${name}`,
  text: `SELECT id, path, policy FROM (
           SELECT r.id, r.path, ${UNTAGGED_POLICY} AS policy FROM registry.repository r
           JOIN manage.organisation o ON o.id = r.organisation_id WHERE r.path > $1 ${condition} ORDER BY r.path LIMIT $2) AS next
         ORDER BY policy = ${KEEP}, CASE WHEN policy = ${KEEP} THEN path END DESC, path LIMIT 1`,
});
const REPOSITORY_ITSELF = repositoryBy('itself', 'AND r.id = $3');
const REPOSITORY_OF_ORGANISATION = repositoryBy('of-organisation', 'AND r.organisation_id = $3');
const REPOSITORY_OF_ALL = repositoryBy('of-all', '');
const REPOSITORY_BEGUN = {
  name: 'untagged-review-repository-begun',
  text: `SELECT r.id, r.path, ${UNTAGGED_POLICY} AS policy FROM registry.repository r
         JOIN manage.organisation o ON o.id = r.organisation_id WHERE r.path = $1`,
};
const MANIFESTS = {
  name: 'untagged-review-manifests',
  text: `SELECT id, digest FROM registry.manifest WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
};
/**
 * What was settled is due now. A date beyond a lease is what an older policy set, and may hide a lease: it comes down to the
 * length of one. Nearer dates stay.
 */
const WANTS_REVIEW = `(m.review_after IS NULL OR m.review_after > now() + make_interval(secs => $2)) AND NOT ${MANIFEST_IS_IN_USE}`;
const queueing = (name: string, locking: string) => ({
  name: `untagged-review-queue-${name}`,
  text: `UPDATE registry.manifest SET review_after = CASE WHEN review_after IS NULL THEN now() ELSE now() + make_interval(secs => $2) END
         WHERE id IN (SELECT m.id FROM registry.manifest m WHERE m.id = ANY($1) AND ${WANTS_REVIEW}
           ORDER BY m.id FOR NO KEY UPDATE ${locking})`,
});
const QUEUE_FREE = queueing('free', 'SKIP LOCKED');
const QUEUE_ONE = queueing('one', '');
const STILL_WANTING = {
  name: 'untagged-review-still-wanting',
  text: `SELECT m.id FROM registry.manifest m WHERE m.id = ANY($1) AND ${WANTS_REVIEW} ORDER BY m.id`,
};
const ADVANCE = {
  name: 'untagged-review-advance',
  text: `UPDATE registry.untagged_review SET after_path = $4, after_digest = $5
         WHERE id = $1 AND after_path = $2 AND after_digest = $3`,
};
const FINISH = { name: 'untagged-review-finish', text: `DELETE FROM registry.untagged_review WHERE id = $1` };
const BATCH = 500;
const REPOSITORIES = 100;

/**
 * The policy for manifests that nothing uses: of a repository, of its organisation, of the installation, the first that there
 * is. Who changes one leaves a row behind, after which gc-worker queues the manifests concerned.
 */
export class UntaggedPolicyStore {
  /** `leaseSeconds`: how long a HEAD protects a manifest. `batch`: manifests that one step looks at, at most. */
  constructor(
    private readonly database: Database,
    private readonly leaseSeconds: number,
    private readonly batch = BATCH,
  ) {}

  /** Null where there is no such owner. */
  async show(owner: PolicyOwner): Promise<EffectivePolicy | null> {
    const [statement, name] =
      'repository' in owner ? [SHOW_REPOSITORY, owner.repository] : [SHOW_ORGANISATION, owner.organisation];
    const [row] = await this.database.rows<PolicyRow>(statement, [name]);
    if (!row) return null;
    const from = row.repository !== null ? 'repository' : row.organisation !== null ? 'organisation' : 'installation';
    return { own: row.own === null ? null : policyOf(row.own), effective: policyOf(row[from]!), from };
  }

  /** Null: that of what it belongs to. False where there is no such owner. */
  set(owner: PolicyOwner, policy: UntaggedPolicy | null): Promise<boolean> {
    const [lock, set, name] =
      'repository' in owner
        ? [LOCK_REPOSITORY, SET_REPOSITORY, owner.repository]
        : [LOCK_ORGANISATION, SET_ORGANISATION, owner.organisation];
    const value = policy === null ? null : columnOf(policy);
    return this.database.transaction(async (rows) => {
      const [found] = await rows<{ id: string; untagged_after: number | null }>(lock, [name]);
      if (!found) return false;
      if (found.untagged_after !== value) await rows(set, [found.id, value]);
      return true;
    });
  }

  /** The installation's, which nobody can do without. */
  async setDefault(policy: UntaggedPolicy): Promise<void> {
    const value = columnOf(policy);
    await this.database.transaction(async (rows) => {
      await rows(RESTORE_DEFAULT, []);
      const [found] = await rows<{ untagged_after: number }>(LOCK_DEFAULT, []);
      if (found!.untagged_after !== value) await rows(SET_DEFAULT, [value]);
    });
  }

  /**
   * One step behind a policy that has changed: queues manifests of one repository. False where there is nothing to do. Several
   * may take the same step, and one that dies in it leaves it to the next: what is queued stays queued.
   */
  async reviewStep(): Promise<boolean> {
    const [review] = await this.database.rows<ReviewRow>(NEXT_REVIEW, []);
    if (!review) return false;
    const repository = await this.repositoryOf(review);
    if (!repository) {
      await this.database.rows(FINISH, [review.id]);
      return true;
    }
    const { id, path, policy, after } = repository;
    const manifests = policy === KEEP ? [] : await this.manifestsBehind(id, after);
    await this.queue(manifests.map(({ id }) => id));
    const last = manifests.length < this.batch ? '' : manifests.at(-1)!.digest;
    await this.database.rows(ADVANCE, [review.id, review.after_path, review.after_digest, path, last]);
    return true;
  }

  /** The one in whose middle the review stands; the next one where it is done, or was deleted. */
  private async repositoryOf(review: ReviewRow): Promise<RepositoryAtHand | undefined> {
    const {
      after_path: path,
      after_digest: after,
      repository_id: repositoryId,
      organisation_id: organisationId,
    } = review;
    const [begun] = after === '' ? [] : await this.database.rows<RepositoryRow>(REPOSITORY_BEGUN, [path]);
    if (begun) return { ...begun, after };
    const [next] =
      repositoryId !== null
        ? await this.database.rows<RepositoryRow>(REPOSITORY_ITSELF, [path, REPOSITORIES, repositoryId])
        : organisationId !== null
          ? await this.database.rows<RepositoryRow>(REPOSITORY_OF_ORGANISATION, [path, REPOSITORIES, organisationId])
          : await this.database.rows<RepositoryRow>(REPOSITORY_OF_ALL, [path, REPOSITORIES]);
    return next && { ...next, after: '' };
  }

  private manifestsBehind(repositoryId: string, digest: string): Promise<{ id: string; digest: Digest }[]> {
    return this.database.rows(MANIFESTS, [repositoryId, digest, this.batch]);
  }

  /** What is locked by somebody is waited for alone: who waits while holding others could be in a deadlock. */
  private async queue(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.database.rows(QUEUE_FREE, [ids, this.leaseSeconds]);
    const locked = await this.database.rows<{ id: string }>(STILL_WANTING, [ids, this.leaseSeconds]);
    for (const { id } of locked) await this.database.rows(QUEUE_ONE, [[id], this.leaseSeconds]);
  }
}

interface PolicyRow {
  own: number | null;
  repository: number | null;
  organisation: number | null;
  installation: number;
}

interface ReviewRow {
  id: string;
  organisation_id: string | null;
  repository_id: string | null;
  after_path: string;
  after_digest: string;
}

interface RepositoryRow {
  id: string;
  path: RepositoryName;
  policy: number;
}

interface RepositoryAtHand extends RepositoryRow {
  /** The last digest that was looked at; empty: none. */
  after: string;
}

const columnOf = (policy: UntaggedPolicy): number => (policy === 'keep' ? KEEP : policy);

/** As the columns have it. */
export const policyOf = (column: number): UntaggedPolicy => (column === KEEP ? 'keep' : column);
