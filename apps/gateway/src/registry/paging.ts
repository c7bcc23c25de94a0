import { registryError } from '@berth/oci';

/** Longer than any tag or digest, so that what is cut off behind it changes no order. */
const LAST_MATTERS = 256;

/** How many entries a page may have: `n`, at most `largest`. Throws PAGINATION_NUMBER_INVALID. Spec: end-8b. */
export function pageSize(query: URLSearchParams, usual: number, largest: number): number {
  const n = query.get('n');
  if (n === null) return usual;
  if (!/^\d{1,9}$/.test(n)) throw registryError('PAGINATION_NUMBER_INVALID', { n });
  return Math.min(Number(n), largest);
}

/** `last` need not exist. No entry holds a NUL, and every character of entries sorts behind it: what follows one is void. */
export const lastOf = (query: URLSearchParams): string =>
  (query.get('last') ?? '').split('\0', 1)[0]!.slice(0, LAST_MATTERS);
