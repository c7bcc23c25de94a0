import type { Database } from './database.js';

/** What an account has in all. */
export interface Overview {
  organisations: number;
  repositories: number;
  tags: number;
  /** Bytes: the sum over the repositories, so a layer counts in each that has it. */
  size: number;
}

const SHOW = {
  name: 'overview-show',
  text: `SELECT (SELECT count(*)::int FROM manage.organisation WHERE account_id = $1) AS organisations,
      coalesce(sum(repository_count), 0)::int AS repositories, coalesce(sum(tag_count), 0)::int AS tags,
      coalesce(sum(size), 0)::bigint AS size
    FROM registry.organisation_statistics WHERE account_id = $1`,
};

/** Sums over an account. Reads alone: at most 16 rows of each organisation. */
export class OverviewStore {
  constructor(private readonly database: Database) {}

  async show(accountId: string): Promise<Overview> {
    const [row] = await this.database.rows<Omit<Overview, 'size'> & { size: string }>(SHOW, [accountId]);
    return { ...row!, size: Number(row!.size) };
  }
}
