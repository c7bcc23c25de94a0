import { registryError } from '@berth/oci';

const DEFAULT_PAGE = 1_000;
/** Longer than any tag, digest or repository, so that what is cut off behind it changes no order. */
const LAST_MATTERS = 256;

/** The page that `n` and `last` ask for. PAGINATION_NUMBER_INVALID where `n` is no number; above `max` it is cut. */
export function pageOf(query: URLSearchParams, max: number): { after: string; limit: number } {
  return { after: lastOf(query), limit: Math.min(pageSize(query.get('n')), max) };
}

function pageSize(n: string | null): number {
  if (n === null) return DEFAULT_PAGE;
  if (!/^\d{1,9}$/.test(n)) throw registryError('PAGINATION_NUMBER_INVALID', { n });
  return Number(n);
}

/**
 * `last` need not be there. No tag, digest or repository holds a NUL, and every character of theirs sorts behind it: what
 * follows one is void.
 */
const lastOf = (query: URLSearchParams): string => (query.get('last') ?? '').split('\0', 1)[0]!.slice(0, LAST_MATTERS);
