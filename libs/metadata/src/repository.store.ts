import type { RepositoryName } from '@berth/oci';
import { organisationOf } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';

/** What people say about a repository. */
export interface RepositoryAttributes {
  isPublic: boolean;
  category: string;
  description: string;
}

/** A repository to make. */
export interface NewRepository extends Partial<RepositoryAttributes> {
  isPublic: boolean;
  /** A user; where there is none any more, nobody. */
  creatorId?: string;
}

export type CreateRepositoryOutcome = 'created' | 'exists' | 'organisation-unknown' | 'quota-reached';

/** A repository, and whose it is. */
export interface RepositoryOwner {
  id: string;
  accountId: string;
}

/** On whichever conflict: of two at once the second may find the path free, and the name of the catalog taken. */
const CREATE = {
  name: 'repository-create',
  text: `WITH organisation AS (SELECT id FROM manage.organisation WHERE name = $1 FOR KEY SHARE),
    made AS (INSERT INTO registry.repository (organisation_id, path, is_public, category, description, creator_id)
             SELECT id, $2, $3, $4, $5, (SELECT u.id FROM auth."user" u WHERE u.id = $6)
             FROM organisation WHERE audit.by($7) ON CONFLICT DO NOTHING RETURNING id)
    SELECT EXISTS (SELECT FROM organisation) AS has_organisation, EXISTS (SELECT FROM made) AS made`,
  audited: true as const,
};
const LOCK_ORGANISATION = {
  name: 'repository-lock-organisation',
  text: `SELECT FROM manage.organisation WHERE name = $1 FOR NO KEY UPDATE`,
};
const COUNT = {
  name: 'repository-count',
  text: `SELECT count(*)::int AS count FROM (SELECT FROM registry.repository
           WHERE organisation_id = (SELECT id FROM manage.organisation WHERE name = $1) ORDER BY display_name LIMIT $2) AS held`,
};
const FIND_OWNER = {
  name: 'repository-find-owner',
  text: `SELECT r.id, o.account_id AS "accountId" FROM registry.repository r
         JOIN manage.organisation o ON o.id = r.organisation_id WHERE r.path = $1`,
};
const UPDATE = {
  name: 'repository-update',
  text: `UPDATE registry.repository SET is_public = coalesce($2, is_public), category = coalesce($3, category),
           description = coalesce($4, description), updated_at = now() WHERE path = $1 AND audit.by($5) RETURNING id`,
  audited: true as const,
};
const EXISTS = { name: 'repository-exists', text: `SELECT 1 FROM registry.repository WHERE path = $1` };
/** In the order of the paths: two that count the same repositories wait for each other, and do not deadlock. */
const COUNT_PULLS = {
  name: 'repository-count-pulls',
  text: `INSERT INTO registry.repository_pulls (repository_id, pulls)
         SELECT r.id, sum(counted.pulls)::bigint FROM unnest($1::text[], $2::bigint[]) AS counted(path, pulls)
         JOIN registry.repository r ON r.path = counted.path GROUP BY r.id, r.path ORDER BY r.path
         ON CONFLICT (repository_id) DO UPDATE SET pulls = registry.repository_pulls.pulls + excluded.pulls`,
};
const ATTEMPTS = 3;

/** Repositories: image names under an organisation. Written by registry-v2. */
export class RepositoryStore {
  /** `quota`: repositories of an organisation at most; 0: any number. */
  constructor(
    private readonly database: Database,
    private readonly quota = 0,
  ) {}

  /**
   * Of several that make the same one makes it; one that is there stays as it is. With a quota the organisation's row is
   * locked meanwhile, so that two cannot pass it together.
   */
  async create(
    path: RepositoryName,
    { isPublic, category = 'other', description = '', creatorId }: NewRepository,
  ): Promise<CreateRepositoryOutcome> {
    const organisation = organisationOf(path);
    const make = async (rows: Database['rows']): Promise<CreateRepositoryOutcome> => {
      const values = [organisation, path, isPublic, category, description, creatorId ?? null];
      const [row] = await rows<{ has_organisation: boolean; made: boolean }>(CREATE, values);
      if (!row?.has_organisation) return 'organisation-unknown';
      return row.made ? 'created' : 'exists';
    };
    if (this.quota === 0) return make(this.database.rows.bind(this.database));
    if (await this.exists(path)) return 'exists';
    return this.database.transaction(async (rows) => {
      await rows(LOCK_ORGANISATION, [organisation]);
      const [held] = await rows<{ count: number }>(COUNT, [organisation, this.quota]);
      if (held!.count < this.quota) return make(rows);
      return (await rows(EXISTS, [path])).length > 0 ? 'exists' : 'quota-reached';
    });
  }

  /** Changes what is given; false where there is no such repository. */
  async update(path: RepositoryName, change: Partial<RepositoryAttributes>): Promise<boolean> {
    const { isPublic = null, category = null, description = null } = change;
    return (await this.database.rows(UPDATE, [path, isPublic, category, description])).length > 0;
  }

  async exists(path: RepositoryName): Promise<boolean> {
    return (await this.database.rows(EXISTS, [path])).length > 0;
  }

  /** Adds to the counts of pulls. What is of a repository that is gone is forgotten. */
  async countPulls(counted: { repository: RepositoryName; pulls: number }[]): Promise<void> {
    const values = [counted.map(({ repository }) => repository), counted.map(({ pulls }) => pulls)];
    for (let attempt = 1; ; attempt++) {
      try {
        await this.database.rows(COUNT_PULLS, values);
        return;
      } catch (error) {
        // One was deleted while it was counted: nothing of it happened.
        if (!isForeignKeyViolation(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Null where there is no such repository. */
  async findOwner(path: RepositoryName): Promise<RepositoryOwner | null> {
    const [found] = await this.database.rows<RepositoryOwner>(FIND_OWNER, [path]);
    return found ?? null;
  }
}
