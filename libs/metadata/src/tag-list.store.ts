import type { Digest, RepositoryName, Tag } from '@berth/oci';
import type { Database } from './database.js';
import { containing } from './like-pattern.js';

export type TagOrder = 'updatedAt' | 'name';

export interface TagListQuery {
  repository: RepositoryName;
  /** A part of the tag. */
  name?: string;
  order: TagOrder;
  descending: boolean;
  offset: number;
  limit: number;
}

/** A tag with what it names. */
export interface TagRow {
  id: string;
  repositoryId: string;
  /** Whose the repository is. */
  accountId: string;
  name: Tag;
  createdAt: Date;
  updatedAt: Date;
  digest: Digest;
  mediaType: string;
  /** Bytes that a pull of it moves. */
  imageSize: number;
  /** The manifest's bytes. */
  payload: Buffer;
}

export interface TagPage {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more: the next page begins behind them. */
  tags: TagRow[];
}

/** About as much as one message between services should hold; manifests are written there in base64. */
const PAGE_BYTES = 768 * 1024;
const KEYS = { updatedAt: 't.updated_at', name: 't.name' } as const satisfies Record<TagOrder, string>;
const COLUMNS = `t.id, t.repository_id AS "repositoryId", r.account_id AS "accountId", t.name, t.created_at AS "createdAt", t.updated_at AS "updatedAt",
  m.digest, m.media_type AS "mediaType", m.image_size AS "imageSize", m.payload`;
const COUNT = {
  name: 'tag-list-count',
  text: `SELECT r.id, s.tag_count AS total FROM registry.repository r
         JOIN registry.repository_statistics s ON s.repository_id = r.id WHERE r.path = $1`,
};
/** Reads the names of the repository's tags, and never those of others: OFFSET 0 keeps the planner from a scan of all. */
const COUNT_MATCHES = {
  name: 'tag-list-count-matches',
  text: `SELECT r.id, (SELECT count(*)::int FROM (
           SELECT t.name FROM registry.tag t WHERE t.repository_id = r.id OFFSET 0) AS t WHERE t.name LIKE $2) AS total
         FROM registry.repository r WHERE r.path = $1`,
};
const FIND = {
  name: 'tag-list-find',
  text: `SELECT ${COLUMNS} FROM registry.repository r JOIN registry.tag t ON t.repository_id = r.id AND t.name = $2
         JOIN registry.manifest m ON m.id = t.manifest_id WHERE r.path = $1`,
};

function orderBy(order: TagOrder, descending: boolean): string {
  const direction = descending ? 'DESC' : 'ASC';
  return order === 'name' ? `t.name ${direction}` : `${KEYS[order]} ${direction}, t.name ${direction}`;
}

/**
 * A page in its order, as many rows as a message should hold (and one at least), from which end whatsoever it is counted.
 * $1 repository, $2 offset, $3 limit, $4 part of the name, where there is one.
 */
function pageOf(order: TagOrder, descending: boolean, fromEnd: boolean, isFiltered: boolean) {
  const by = orderBy(order, descending !== fromEnd);
  const place = orderBy(order, descending);
  return {
    name: `tag-list-page-${order}-${descending}-${fromEnd}-${isFiltered}`,
    text: `SELECT ${COLUMNS} FROM (
        SELECT t.*, sum(600 + 2 * m.size) OVER in_order AS weight, row_number() OVER in_order AS place
        FROM (SELECT t.name FROM registry.tag t WHERE t.repository_id = $1 ${isFiltered ? 'AND t.name LIKE $4' : ''}
              ORDER BY ${by} OFFSET $2 LIMIT $3) AS page
        CROSS JOIN LATERAL (
          SELECT t.* FROM registry.tag t WHERE t.repository_id = $1 AND t.name = page.name LIMIT 1) AS t
        JOIN registry.manifest m ON m.id = t.manifest_id
        WINDOW in_order AS (ORDER BY ${place})) AS t
      JOIN registry.manifest m ON m.id = t.manifest_id JOIN registry.repository r ON r.id = $1
      WHERE t.weight <= ${PAGE_BYTES} OR t.place = 1 ORDER BY t.place`,
  };
}

/**
 * Lists of tags as the management API has them. As with lists of repositories a page is read from an index, from the nearer
 * end, and the total from statistics. Reads alone.
 */
export class TagListStore {
  constructor(private readonly database: Database) {}

  /** Null where there is no such repository. */
  async list({ repository, name, order, descending, offset, limit }: TagListQuery): Promise<TagPage | null> {
    const isFiltered = name !== undefined;
    const counted = isFiltered
      ? await this.database.rows<Counted>(COUNT_MATCHES, [repository, containing(name)])
      : await this.database.rows<Counted>(COUNT, [repository]);
    if (!counted[0]) return null;
    const { id, total } = counted[0];
    const rest = Math.max(0, total - offset);
    if (rest === 0) return { total, tags: [] };
    const size = Math.min(limit, rest);
    const fromEnd = rest - size < offset;
    const statement = pageOf(order, descending, fromEnd, isFiltered);
    const values = [id, fromEnd ? rest - size : offset, size, ...(isFiltered ? [containing(name)] : [])];
    return { total, tags: (await this.database.rows<Stored>(statement, values)).map(tagRow) };
  }

  /** Null where the repository has no such tag. */
  async find(repository: RepositoryName, tag: Tag): Promise<TagRow | null> {
    const [row] = await this.database.rows<Stored>(FIND, [repository, tag]);
    return row ? tagRow(row) : null;
  }
}

interface Counted {
  id: string;
  total: number;
}

type Stored = Omit<TagRow, 'imageSize'> & { imageSize: string };

const tagRow = (row: Stored): TagRow => ({ ...row, imageSize: Number(row.imageSize) });
