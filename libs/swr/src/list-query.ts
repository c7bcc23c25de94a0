import { SwrError } from './errors.js';

const DEFAULT_LIMIT = 100;
const LARGEST_LIMIT = 1000;
/** Far behind what any list has; PostgreSQL's own bound is further. */
const LARGEST_OFFSET = 1_000_000_000;
const DIGITS = /^\d{1,10}$/;

/** A page of a list, by position. */
export interface Page {
  readonly limit: number;
  readonly offset: number;
  /** Both were named: then the answer says by Content-Range where it stands. */
  readonly isNamed: boolean;
}

export type OrderDirection = 'asc' | 'desc';

/**
 * The parameters of a list: those in `filter` (`key::value|key::value`, some clients quote it) go before those of the
 * query of the same name. FILTER_INVALID where the filter is malformed or has a key that `known` has not; other
 * parameters of the query mean nothing. An empty value is as good as none; one with a NUL, which no name has, is
 * QUERY_INVALID.
 */
export function listParameters<Key extends string>(
  query: URLSearchParams,
  known: readonly Key[],
): Partial<Record<Key, string>> {
  const fromQuery = known.map((key) => [key, query.get(key)] as const);
  const parameters = new Map<string, string>(fromQuery.filter((pair): pair is [Key, string] => Boolean(pair[1])));
  for (const [key, value] of filterPairs(query.get('filter') ?? '')) {
    if (!known.some((name) => name === key)) throw new SwrError('FILTER_INVALID', `the filter has no key "${key}"`);
    if (value !== '') parameters.set(key, value);
  }
  for (const [key, value] of parameters) {
    if (value.includes('\0')) throw new SwrError('QUERY_INVALID', `${key} has a NUL`);
  }
  return Object.fromEntries(parameters) as Partial<Record<Key, string>>;
}

function filterPairs(filter: string): [string, string][] {
  const bare = /^'(.*)'$/s.exec(filter)?.[1] ?? filter;
  if (bare === '') return [];
  return bare.split('|').map((pair) => {
    const at = pair.indexOf('::');
    if (at < 1) throw new SwrError('FILTER_INVALID');
    return [pair.slice(0, at), pair.slice(at + 2)];
  });
}

/** `limit` from 1, at most 1,000 (larger ones are cut), 100 without; `offset` 0 without. PAGE_INVALID otherwise. */
export function pageOf({ limit, offset }: { limit?: string; offset?: string }): Page {
  const isNumber = (text: string | undefined) => text === undefined || DIGITS.test(text);
  const [size, start] = [Number(limit ?? DEFAULT_LIMIT), Number(offset ?? 0)];
  if (!isNumber(limit) || !isNumber(offset) || size < 1 || start > LARGEST_OFFSET) throw new SwrError('PAGE_INVALID');
  return {
    limit: Math.min(size, LARGEST_LIMIT),
    offset: start,
    isNamed: limit !== undefined && offset !== undefined,
  };
}

/** `offset-count/total`, which is not the header of RFC 9110. `count`: the rows on this page. */
export const contentRange = ({ offset }: Page, count: number, total: number): string => `${offset}-${count}/${total}`;

/** The column to order by, as `columns` maps the names that clients use. QUERY_INVALID for any other. */
export function orderOf<Column>(
  { order_column: name, order_type: direction }: { order_column?: string; order_type?: string },
  columns: Readonly<Record<string, Column>>,
  otherwise: { column: Column; direction: OrderDirection },
): { column: Column; direction: OrderDirection } {
  if (direction !== undefined && direction !== 'asc' && direction !== 'desc') {
    throw new SwrError('QUERY_INVALID', 'order_type must be asc or desc');
  }
  if (name === undefined) return { column: otherwise.column, direction: direction ?? otherwise.direction };
  const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
  if (column === undefined)
    throw new SwrError('QUERY_INVALID', `order_column must be one of ${Object.keys(columns).join(', ')}`);
  return { column, direction: direction ?? otherwise.direction };
}
