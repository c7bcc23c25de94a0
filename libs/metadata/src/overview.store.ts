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
  text: `SELECT o.organisations, o.repositories, r.tags, r.size
    FROM (SELECT count(*)::int AS organisations, coalesce(sum(repository_count), 0)::int AS repositories
          FROM registry.organisation_statistics WHERE account_id = $1) AS o,
      (SELECT coalesce(sum(tag_count), 0)::int AS tags, coalesce(sum(size), 0)::bigint AS size
       FROM registry.repository_statistics WHERE account_id = $1) AS r`,
};

/** Sums over an account. Reads alone: a row for each repository. */
export class OverviewStore {
  constructor(private readonly database: Database) {}

  async show(accountId: string): Promise<Overview> {
    const [row] = await this.database.rows<Omit<Overview, 'size'> & { size: string }>(SHOW, [accountId]);
    return { ...row!, size: Number(row!.size) };
  }
}
