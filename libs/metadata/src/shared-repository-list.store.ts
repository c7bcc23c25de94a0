import type { Database } from './database.js';
import { containing } from './like-pattern.js';
import type { Viewer } from './organisation.store.js';
import { type RepositoryRow, repositoryDetails } from './repository-details.js';
import type { RepositoryOrder } from './repository-list.store.js';
import { validShare } from './share-validity.js';

export type SharedRepositoryOrder = RepositoryOrder | 'accountName';

export interface SharedRepositoryListQuery {
  viewer: Viewer;
  /** Repositories of the viewer's account that are shared, as far as it may read them; or what others share with the account. */
  shared: 'byAccount' | 'withAccount';
  /** A part of the organisation's name. */
  organisation?: string;
  /** A part of the repository's name. */
  name?: string;
  /** The name of the repository's account. */
  accountName?: string;
  category?: string;
  isPublic?: boolean;
  /** The share is valid; of several, one of them is. */
  isValid?: boolean;
  order: SharedRepositoryOrder;
  descending: boolean;
  offset: number;
  limit: number;
  /** How many of a repository's tags are given, those first that changed last. */
  tags: number;
}

export interface SharedRepositoryRow extends RepositoryRow {
  /** The share is valid; of several, one of them is. */
  isValid: boolean;
}

export interface SharedRepositoryPage {
  /** Of all that match, not of the page. */
  total: number;
  /** Fewer than asked for where a message should not hold more: the next page begins behind them. */
  repositories: SharedRepositoryRow[];
}

const KEYS = {
  updatedAt: 'st.updated_at',
  tagCount: 'st.tag_count',
  name: 'r.name',
  path: 'r.path',
  isPublic: 'r.is_public',
  accountName: 'a.name COLLATE "C"',
} as const satisfies Record<SharedRepositoryOrder, string>;

/** Of the shares by account $1, and of those with it. */
const SHARES = {
  byAccount: `(SELECT s.repository_id, bool_or(${validShare('s')}) AS is_valid FROM manage.repository_share s
               WHERE s.owner_id = $1 GROUP BY s.repository_id)`,
  withAccount: `(SELECT s.repository_id, ${validShare('s')} AS is_valid FROM manage.repository_share s WHERE s.account_id = $1)`,
} as const satisfies Record<SharedRepositoryListQuery['shared'], string>;
/** By a permission. */
const readableBy = (user: string): string =>
  `(EXISTS (SELECT FROM manage.organisation_permission p WHERE p.organisation_id = r.organisation_id AND p.user_id = ${user})
    OR EXISTS (SELECT FROM manage.repository_permission p WHERE p.repository_id = r.id AND p.user_id = ${user}))`;

/**
 * Lists of shared repositories, of the one and of the other side. A page costs what matches: the shares of an account are found by
 * index, then counted and put in order. Reads alone.
 */
export class SharedRepositoryListStore {
  constructor(private readonly database: Database) {}

  async list(query: SharedRepositoryListQuery): Promise<SharedRepositoryPage> {
    const { text, values } = pageOf(query);
    const [page] = await this.database.rows<{ total: number; ids: string[]; valid: boolean[] }>({ text }, values);
    const { total, ids, valid } = page!;
    const isValid = new Map(ids.map((id, at) => [id, valid[at]!]));
    const rows = await repositoryDetails(this.database, ids, query.tags);
    return { total, repositories: rows.map((row) => ({ ...row, isValid: isValid.get(row.id)! })) };
  }
}

function pageOf(query: SharedRepositoryListQuery): { text: string; values: unknown[] } {
  const { viewer, shared, organisation, name, accountName, category, isPublic, isValid } = query;
  const values: unknown[] = [viewer.accountId];
  const conditions = ['true'];
  const where = (condition: (value: string) => string, value: unknown) =>
    conditions.push(condition(`$${values.push(value)}`));
  if (shared === 'byAccount' && !viewer.isAdministrator) where(readableBy, viewer.userId);
  if (organisation !== undefined) where((value) => `o.name LIKE ${value}`, containing(organisation));
  if (name !== undefined) where((value) => `r.name LIKE ${value}`, containing(name));
  if (accountName !== undefined) where((value) => `a.name = ${value}`, accountName);
  if (category !== undefined) where((value) => `r.category = ${value}`, category);
  if (isPublic !== undefined) where((value) => `r.is_public = ${value}`, isPublic);
  if (isValid !== undefined) where((value) => `s.is_valid = ${value}`, isValid);
  const direction = query.descending ? 'DESC' : 'ASC';
  const [offset, limit] = [values.push(query.offset), values.push(query.limit)];
  const text = `WITH matching AS MATERIALIZED (
      SELECT r.id, s.is_valid, ${KEYS[query.order]} AS key FROM ${SHARES[shared]} AS s
      JOIN registry.repository r ON r.id = s.repository_id
      JOIN registry.repository_statistics st ON st.repository_id = r.id
      JOIN manage.organisation o ON o.id = r.organisation_id JOIN auth.account a ON a.id = r.account_id
      WHERE ${conditions.join(' AND ')}),
    page AS MATERIALIZED (
      SELECT id, is_valid, row_number() OVER (ORDER BY key ${direction}, id ${direction}) AS place FROM matching
      ORDER BY key ${direction}, id ${direction} OFFSET $${offset} LIMIT $${limit})
    SELECT (SELECT count(*)::int FROM matching) AS total, ARRAY(SELECT id FROM page ORDER BY place) AS ids,
      ARRAY(SELECT is_valid FROM page ORDER BY place) AS valid`;
  return { text, values };
}
