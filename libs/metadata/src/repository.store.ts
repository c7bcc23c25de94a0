import type { RepositoryName } from '@berth/oci';
import { organisationOf } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';

/** What people say about a repository. */
export interface RepositoryAttributes {
  isPublic: boolean;
  category: string;
  description: string;
}

export type CreateRepositoryOutcome = 'created' | 'exists' | 'organisation-unknown';

/** On whichever conflict: of two at once the second may find the path free, and the name of the catalog taken. */
const CREATE = {
  name: 'repository-create',
  text: `INSERT INTO registry.repository (organisation_id, path, is_public) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
};
const CREATE_NEW = {
  name: 'repository-create-new',
  text: `WITH organisation AS (SELECT id FROM manage.organisation WHERE name = $1 FOR KEY SHARE),
    made AS (INSERT INTO registry.repository (organisation_id, path, is_public, category, description)
             SELECT id, $2, $3, $4, $5 FROM organisation ON CONFLICT DO NOTHING RETURNING id)
    SELECT EXISTS (SELECT FROM organisation) AS has_organisation, EXISTS (SELECT FROM made) AS made`,
};
const UPDATE = {
  name: 'repository-update',
  text: `UPDATE registry.repository SET is_public = coalesce($2, is_public), category = coalesce($3, category),
           description = coalesce($4, description), updated_at = now() WHERE path = $1 RETURNING id`,
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
  constructor(private readonly database: Database) {}

  /** Idempotent: a repository that is there stays as it is. */
  async create(path: RepositoryName, organisationId: string, isPublic: boolean): Promise<void> {
    await this.database.rows(CREATE, [organisationId, path, isPublic]);
  }

  /** Of several that make the same one makes it. */
  async createNew(path: RepositoryName, attributes: RepositoryAttributes): Promise<CreateRepositoryOutcome> {
    const { isPublic, category, description } = attributes;
    const values = [organisationOf(path), path, isPublic, category, description];
    const [row] = await this.database.rows<{ has_organisation: boolean; made: boolean }>(CREATE_NEW, values);
    if (!row?.has_organisation) return 'organisation-unknown';
    return row.made ? 'created' : 'exists';
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
}
