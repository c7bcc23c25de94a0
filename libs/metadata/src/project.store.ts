import type { Database } from './database.js';

export interface ProjectRow {
  id: string;
  name: string;
  accountId: string;
}

const ENSURE = {
  name: 'project-ensure',
  text: `INSERT INTO auth.project (id, account_id, name) SELECT gen_random_uuid(), a.id, $1 FROM auth.account a
         WHERE NOT EXISTS (SELECT FROM auth.project p WHERE p.account_id = a.id) ON CONFLICT DO NOTHING`,
};
const LIST = {
  name: 'project-list',
  text: `SELECT id, name, account_id AS "accountId" FROM auth.project
         WHERE account_id = $1 AND ($2::text IS NULL OR name = $2) ORDER BY created_at, id LIMIT $3`,
};
const LOCK_ACCOUNT = { name: 'project-lock-account', text: `SELECT id FROM auth.account WHERE id = $1 FOR UPDATE` };
const COUNT = {
  name: 'project-count',
  text: `SELECT count(*)::int AS count FROM (SELECT FROM auth.project WHERE account_id = $1 LIMIT $2) AS owned`,
};
const CREATE = {
  name: 'project-create',
  text: `INSERT INTO auth.project (id, account_id, name) SELECT gen_random_uuid(), $1, $2 WHERE audit.by($3)
         ON CONFLICT DO NOTHING RETURNING id, name, account_id AS "accountId"`,
  audited: true as const,
};

export type CreateProjectOutcome = ProjectRow | 'account-unknown' | 'exists' | 'limit-reached';

/** Projects of accounts. Written by auth. */
export class ProjectStore {
  constructor(private readonly database: Database) {}

  /** Gives every account that has no project one of this name: the region's. */
  async ensure(name: string): Promise<void> {
    await this.database.rows(ENSURE, [name]);
  }

  /** The account's row is locked meanwhile, so that two cannot pass the limit together. */
  async create(accountId: string, name: string, limit: number): Promise<CreateProjectOutcome> {
    return this.database.transaction(async (rows) => {
      if ((await rows(LOCK_ACCOUNT, [accountId])).length === 0) return 'account-unknown';
      const [owned] = await rows<{ count: number }>(COUNT, [accountId, limit]);
      if (owned!.count >= limit) return 'limit-reached';
      const [made] = await rows<ProjectRow>(CREATE, [accountId, name]);
      return made ?? 'exists';
    });
  }

  /** An account's projects, the first one made first; with `name` that one alone. */
  async list(accountId: string, name: string | null, limit: number): Promise<ProjectRow[]> {
    // PostgreSQL refuses a NUL in a text, and nothing has one in its name.
    if (name?.includes('\0')) return [];
    return this.database.rows<ProjectRow>(LIST, [accountId, name, limit]);
  }
}
