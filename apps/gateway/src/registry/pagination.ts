import { registryError, type RegistryErrorCode } from '@berth/oci';

const DEFAULT_PAGE = 1_000;
/** Longer than any tag, digest or repository, so that what is cut off behind it changes no order. */
const LAST_MATTERS = 256;

/**
 * The page that `n` and `last` ask for; above `max` it is cut. `refusal` (400) where `n` is no number: one of the codes of
 * the OCI specification, which has none for it, unless the list is not OCI's.
 */
export function pageOf(
  query: URLSearchParams,
  max: number,
  refusal: RegistryErrorCode = 'UNSUPPORTED',
): { after: string; limit: number } {
  const n = query.get('n') ?? String(DEFAULT_PAGE);
  if (!/^\d+$/.test(n)) throw registryError(refusal, { n }, { status: 400, message: 'n is not a number of entries' });
  return { after: lastOf(query), limit: Math.min(Number(n), max) };
}

/**
 * `last` need not be there. No tag, digest or repository holds a NUL, and every character of theirs sorts behind it: what
 * follows one is void.
 */
const lastOf = (query: URLSearchParams): string => (query.get('last') ?? '').split('\0', 1)[0]!.slice(0, LAST_MATTERS);
