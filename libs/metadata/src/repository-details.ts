import type { Database } from './database.js';

/** A repository as lists show it. */
export interface RepositoryRow {
  id: string;
  organisation: string;
  organisationId: string;
  /** The path without the organisation. */
  name: string;
  accountId: string;
  accountName: string;
  /** The organisation's creator where the repository's is not known, or gone. */
  creatorId: string;
  creatorName: string;
  isPublic: boolean;
  category: string;
  description: string;
  createdAt: Date;
  updatedAt: Date;
  /** Bytes of its linked blobs and its manifests, each once. */
  size: number;
  tagCount: number;
  /** How often images of it were pulled. */
  pulls: number;
  tags: string[];
}

export interface RepositoryPage {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more: the next page begins behind them. */
  repositories: RepositoryRow[];
}

/** About as much as one message between services should hold. */
const PAGE_BYTES = 768 * 1024;

/**
 * The rows of a page in full, in its order, as many as $3 bytes hold (and one at least). $1 ids, $2 tags of each. Escaped as
 * JSON a character of a description takes six bytes at most; all else of a row is within 900.
 */
const DETAILS = {
  name: 'repository-details',
  text: `SELECT r.id, o.name AS organisation, o.id AS "organisationId", r.name, a.id AS "accountId", a.name AS "accountName",
      u.id AS "creatorId", u.name AS "creatorName", r.is_public AS "isPublic", r.category, r.description,
      r.created_at AS "createdAt", page.updated_at AS "updatedAt", page.size, page.tag_count AS "tagCount",
      coalesce(p.pulls, 0) AS pulls,
      ARRAY(SELECT t.name FROM registry.tag t WHERE t.repository_id = r.id
            ORDER BY t.updated_at DESC, t.name DESC LIMIT $2) AS tags
    FROM (SELECT s.*, page.place, sum(900 + 6 * octet_length(r.description) + 130 * least(s.tag_count, $2))
            OVER (ORDER BY page.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
          FROM unnest($1::bigint[]) WITH ORDINALITY AS page(id, place)
          JOIN registry.repository r ON r.id = page.id JOIN registry.repository_statistics s ON s.repository_id = r.id) AS page
    JOIN registry.repository r ON r.id = page.repository_id
    JOIN manage.organisation o ON o.id = r.organisation_id JOIN auth.account a ON a.id = r.account_id
    JOIN auth."user" u ON u.id = coalesce(r.creator_id, o.creator_id)
    LEFT JOIN registry.repository_pulls p ON p.repository_id = r.id
    WHERE page.before IS NULL OR page.before < $3 ORDER BY page.place`,
};

/** What lists show of these repositories, in their order, with so many tags of each; what does not fit in a message is left out. */
export async function repositoryDetails(database: Database, ids: string[], tags: number): Promise<RepositoryRow[]> {
  const rows = await database.rows<Omit<RepositoryRow, 'size' | 'pulls'> & { size: string; pulls: string }>(DETAILS, [
    ids,
    tags,
    PAGE_BYTES,
  ]);
  return rows.map((row) => ({ ...row, size: Number(row.size), pulls: Number(row.pulls) }));
}
