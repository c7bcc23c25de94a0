import { registryError } from './errors.js';

declare const repositoryNameBrand: unique symbol;

/**
 * A repository's canonical path, `organisation/rest`: `busybox` is the repository `library/busybox`, one repository
 * under both spellings. Compare, store and authorise by this; show it to people by `displayName`.
 */
export type RepositoryName = string & { readonly [repositoryNameBrand]: true };

const COMPONENT = '[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const MAX_LENGTH = 255;

const DEFAULT_ORGANISATION = 'library';
const DEFAULT_PREFIX = `${DEFAULT_ORGANISATION}/`;
/** `/v2/manage/...` is the management API's, so no repository path may start so. */
const RESERVED_ORGANISATION = 'manage';

/**
 * The repository that `s` spells. `_uploads` and its like never match (leading underscore); `blobs`, `manifests`,
 * `tags` and `uploads` do, and the route grammar resolves them from the right. Throws NAME_INVALID outside the grammar,
 * above 255 characters in canonical form, and where the first component is the reserved `manage`.
 * Spec: distribution-spec "Pulling manifests".
 */
export function parseRepositoryName(s: string): RepositoryName {
  // The length first: it bounds what the expression reads.
  if (s.length > MAX_LENGTH || !NAME.test(s)) throw registryError('NAME_INVALID', { name: s });
  const slash = s.indexOf('/');
  const first = slash < 0 ? s : s.slice(0, slash);
  const canonical = slash < 0 ? DEFAULT_PREFIX + s : s;
  if (first === RESERVED_ORGANISATION || canonical.length > MAX_LENGTH)
    throw registryError('NAME_INVALID', { name: s });
  return canonical as RepositoryName;
}

/** The first component, the owner: `library` for `busybox`. */
export function organisationOf(name: RepositoryName): string {
  return name.slice(0, name.indexOf('/'));
}

/** All after the organisation; may hold slashes: `b/c` for `a/b/c`. */
export function repositoryRest(name: RepositoryName): string {
  return name.slice(name.indexOf('/') + 1);
}

/**
 * The spelling of the catalog: `busybox` for `library/busybox`, the canonical path for all others. It always parses
 * back to the same repository, hence `library/a/b` and `library/manage` keep their organisation.
 */
export function displayName(name: RepositoryName): string {
  if (!name.startsWith(DEFAULT_PREFIX)) return name;
  const rest = repositoryRest(name);
  return rest.includes('/') || rest === RESERVED_ORGANISATION ? name : rest;
}
