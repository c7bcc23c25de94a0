import type { Database } from './database.js';
import { containing } from './like-pattern.js';
import { repositoryDetails, type RepositoryPage } from './repository-details.js';

export interface PublicRepositoryListQuery {
  /** The organisation, by its name. */
  organisation: string;
  /** A part of the repository's name. */
  name?: string;
  offset: number;
  limit: number;
}

const COUNT = {
  name: 'public-repository-list-count',
  text: `SELECT o.id, (SELECT count(*)::int FROM registry.repository r
           WHERE r.organisation_id = o.id AND r.is_public AND ($2::text IS NULL OR r.name LIKE $2)) AS total
         FROM manage.organisation o WHERE o.name = $1`,
};
/** $1 organisation, $2 part of the name, $3 offset, $4 limit. */
const PAGE = {
  name: 'public-repository-list-page',
  text: `SELECT r.id FROM registry.repository r
         WHERE r.organisation_id = $1 AND r.is_public AND ($2::text IS NULL OR r.name LIKE $2)
         ORDER BY r.name, r.id OFFSET $3 LIMIT $4`,
};

/** What everybody may read of one organisation, by name, without tags. A page costs what the organisation has. Reads alone. */
export class PublicRepositoryListStore {
  constructor(private readonly database: Database) {}

  async list({ organisation, name, offset, limit }: PublicRepositoryListQuery): Promise<RepositoryPage> {
    const part = name === undefined ? null : containing(name);
    const [found] = await this.database.rows<{ id: string; total: number }>(COUNT, [organisation, part]);
    if (!found) return { total: 0, repositories: [] };
    const page = await this.database.rows<{ id: string }>(PAGE, [found.id, part, offset, limit]);
    const ids = page.map(({ id }) => id);
    return { total: found.total, repositories: await repositoryDetails(this.database, ids, 0) };
  }
}
