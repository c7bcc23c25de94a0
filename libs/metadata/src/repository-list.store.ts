import type { Database } from './database.js';
import { containing } from './like-pattern.js';
import type { Viewer } from './organisation.store.js';
import { repositoryDetails, type RepositoryPage, type RepositoryRow } from './repository-details.js';

/** What a list may be ordered by. `path` is by organisation, then by name. */
export type RepositoryOrder = 'updatedAt' | 'name' | 'path' | 'tagCount' | 'isPublic';

export interface RepositoryListQuery {
  viewer: Viewer;
  /** A part of the organisation's name. */
  organisation?: string;
  /** A part of the repository's name, which is the path without the organisation. */
  name?: string;
  category?: string;
  isPublic?: boolean;
  order: RepositoryOrder;
  descending: boolean;
  offset: number;
  limit: number;
  /** How many of a repository's tags are given, those first that changed last. */
  tags: number;
}

const KEYS = {
  updatedAt: { column: 's.updated_at', of: 'statistics' },
  tagCount: { column: 's.tag_count', of: 'statistics' },
  name: { column: 'r.name', of: 'repository' },
  path: { column: 'r.path', of: 'repository' },
  isPublic: { column: 'r.is_public', of: 'repository' },
} as const satisfies Record<RepositoryOrder, { column: string; of: 'statistics' | 'repository' }>;

/** $1 account, $2 part of the organisation's name. */
const ORGANISATIONS_OF_ACCOUNT = {
  name: 'repository-list-organisations-of-account',
  text: `SELECT id FROM manage.organisation WHERE account_id = $1 AND name LIKE $2`,
};
const ORGANISATIONS_OF_USER = {
  name: 'repository-list-organisations-of-user',
  text: `SELECT o.id FROM manage.organisation_permission p JOIN manage.organisation o ON o.id = p.organisation_id
         WHERE p.user_id = $3 AND o.account_id = $1 AND o.name LIKE $2`,
};
/** Repositories that are granted by themselves, beside the organisations $4. */
const GRANTED = {
  name: 'repository-list-granted',
  text: `SELECT r.id FROM manage.repository_permission p JOIN registry.repository r ON r.id = p.repository_id
         JOIN manage.organisation o ON o.id = r.organisation_id
         WHERE p.user_id = $3 AND r.account_id = $1 AND o.name LIKE $2 AND r.organisation_id <> ALL($4::bigint[])`,
};
const COUNT_OF_ACCOUNT = {
  name: 'repository-list-count-of-account',
  text: `SELECT coalesce(sum(repository_count), 0)::int AS total FROM registry.organisation_statistics WHERE account_id = $1`,
};
const COUNT_OF_ORGANISATIONS = {
  name: 'repository-list-count-of-organisations',
  text: `SELECT coalesce(sum(repository_count), 0)::int AS total FROM registry.organisation_statistics
         WHERE organisation_id = ANY($1::bigint[])`,
};
const FIND_ID = {
  name: 'repository-list-find-id',
  text: `SELECT id FROM registry.repository WHERE path = $1`,
};

/** Whose repositories a list has: all of an account, all of one organisation, or of several and some by themselves. */
type Scope =
  | { kind: 'account'; accountId: string }
  | { kind: 'organisation'; organisationId: string }
  | { kind: 'several'; organisationIds: string[]; repositoryIds: string[] };

/**
 * Lists of repositories as the management API has them: those of the viewer's account that it may read by a permission. Pages
 * are read from an index in their order, from whichever end is nearer, and the total from statistics, so that neither
 * depends on how many there are; a filter costs what it matches. Reads alone.
 */
export class RepositoryListStore {
  constructor(private readonly database: Database) {}

  async list(query: RepositoryListQuery): Promise<RepositoryPage> {
    const scope = await this.scopeOf(query);
    const total = await this.count(scope, query);
    const rest = Math.max(0, total - query.offset);
    if (rest === 0) return { total, repositories: [] };
    const limit = Math.min(query.limit, rest);
    const fromEnd = rest - limit < query.offset;
    const ids = await this.page(scope, query, {
      descending: query.descending !== fromEnd,
      offset: fromEnd ? rest - limit : query.offset,
      limit,
    });
    return { total, repositories: await repositoryDetails(this.database, fromEnd ? ids.reverse() : ids, query.tags) };
  }

  /** Null where there is no repository of this path. */
  async find(path: string, tags: number): Promise<RepositoryRow | null> {
    const ids = await this.database.rows<{ id: string }>(FIND_ID, [path]);
    const [found] = await repositoryDetails(this.database, idsOf(ids), tags);
    return found ?? null;
  }

  private async scopeOf({ viewer, organisation }: RepositoryListQuery): Promise<Scope> {
    const { accountId, userId, isAdministrator } = viewer;
    if (isAdministrator && organisation === undefined) return { kind: 'account', accountId };
    const part = containing(organisation ?? '');
    const found = isAdministrator
      ? await this.database.rows<{ id: string }>(ORGANISATIONS_OF_ACCOUNT, [accountId, part])
      : await this.database.rows<{ id: string }>(ORGANISATIONS_OF_USER, [accountId, part, userId]);
    const organisationIds = idsOf(found);
    const granted = isAdministrator
      ? []
      : await this.database.rows<{ id: string }>(GRANTED, [accountId, part, userId, organisationIds]);
    if (organisationIds.length === 1 && granted.length === 0) {
      return { kind: 'organisation', organisationId: organisationIds[0]! };
    }
    return { kind: 'several', organisationIds, repositoryIds: idsOf(granted) };
  }

  private async count(scope: Scope, query: RepositoryListQuery): Promise<number> {
    const filter = filterOf(query);
    if (filter.values.length > 0) return this.countMatches(scope, filter);
    if (scope.kind === 'account') return this.total(COUNT_OF_ACCOUNT, [scope.accountId]);
    if (scope.kind === 'organisation') return this.total(COUNT_OF_ORGANISATIONS, [[scope.organisationId]]);
    const ofOrganisations = await this.total(COUNT_OF_ORGANISATIONS, [scope.organisationIds]);
    return ofOrganisations + scope.repositoryIds.length;
  }

  private async countMatches(scope: Scope, filter: Filter): Promise<number> {
    const values: unknown[] = [...filter.values];
    const matches = matching(scope, filter, values).map(
      ({ from, where }) => `SELECT count(*) AS n FROM ${from} WHERE ${where}`,
    );
    return this.total({ text: `SELECT sum(n)::int AS total FROM (${matches.join(' UNION ALL ')}) AS counts` }, values);
  }

  private async total(statement: { name?: string; text: string }, values: unknown[]): Promise<number> {
    const [row] = await this.database.rows<{ total: number }>(statement, values);
    return row?.total ?? 0;
  }

  /** The ids of a page. Each part of the scope gives as many as the page could need of it, in order. */
  private async page(
    scope: Scope,
    query: RepositoryListQuery,
    { descending, offset, limit }: { descending: boolean; offset: number; limit: number },
  ): Promise<string[]> {
    const filter = filterOf(query);
    const values: unknown[] = [...filter.values];
    const parts = matching(scope, filter, values, query.order);
    const direction = descending ? 'DESC' : 'ASC';
    const order = `ORDER BY key ${direction}, id ${direction}`;
    const [offsetAt, limitAt] = [values.push(offset), values.push(limit)];
    const only = parts.length === 1 && !parts[0]!.each;
    const inner = parts.map(({ id, key, from, where, each }) => {
      const select = `SELECT ${id} AS id, ${key} AS key FROM ${from} WHERE ${where} ${order}`;
      if (only) return select;
      const bounded = `(${select} LIMIT $${offsetAt}::int + $${limitAt}::int)`;
      return each ? `(SELECT p.id, p.key FROM ${each} CROSS JOIN LATERAL ${bounded} p)` : bounded;
    });
    const text = only
      ? `${inner[0]} OFFSET $${offsetAt} LIMIT $${limitAt}`
      : `SELECT id, key FROM (${inner.join(' UNION ALL ')}) AS merged ${order} OFFSET $${offsetAt} LIMIT $${limitAt}`;
    return idsOf(await this.database.rows<{ id: string }>({ text }, values));
  }
}

interface Filter {
  conditions: string[];
  values: unknown[];
}

function filterOf({ name, category, isPublic }: RepositoryListQuery): Filter {
  const values: unknown[] = [];
  const conditions: string[] = [];
  if (name !== undefined) conditions.push(`r.name LIKE $${values.push(containing(name))}`);
  if (category !== undefined) conditions.push(`r.category = $${values.push(category)}`);
  if (isPublic !== undefined) conditions.push(`r.is_public = $${values.push(isPublic)}`);
  return { conditions, values };
}

/** One part of a scope, as SQL. */
interface Part {
  id: string;
  key: string;
  from: string;
  where: string;
  /** Repeated for each of these rows: the part reads an index for each in turn. */
  each?: string;
}

/** The parts of a scope with their filter; what they ask for is added to `values`. */
function matching(scope: Scope, { conditions }: Filter, values: unknown[], order: RepositoryOrder = 'path'): Part[] {
  const { column: key, of } = KEYS[order];
  const narrow = conditions.length === 0;
  const statistics = of === 'statistics' && narrow;
  // An index has scope and order together in one table: the other is joined where a filter needs it.
  const joined = of === 'statistics' ? ' JOIN registry.repository_statistics s ON s.repository_id = r.id' : '';
  const from = statistics ? 'registry.repository_statistics s' : `registry.repository r${joined}`;
  const [id, owner] = statistics ? ['s.repository_id', 's'] : ['r.id', 'r'];
  const part = (condition: string): Part => ({ id, key, from, where: [condition, ...conditions].join(' AND ') });
  if (scope.kind === 'account') return [part(`${owner}.account_id = $${values.push(scope.accountId)}::uuid`)];
  if (scope.kind === 'organisation') {
    return [part(`${owner}.organisation_id = $${values.push(scope.organisationId)}::bigint`)];
  }
  const each = `unnest($${values.push(scope.organisationIds)}::bigint[]) AS o(id)`;
  const single = part(`${id} = ANY($${values.push(scope.repositoryIds)}::bigint[])`);
  return narrow
    ? [{ ...part(`${owner}.organisation_id = o.id`), each }, single]
    : [part(`${owner}.organisation_id IN (SELECT id FROM ${each})`), single];
}

const idsOf = (rows: { id: string }[]): string[] => rows.map(({ id }) => id);
