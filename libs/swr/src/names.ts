import { parseRepositoryName, RegistryError, type RepositoryName } from '@berth/oci';
import { SwrError } from './errors.js';

const ORGANISATION = /^[a-z][a-z0-9]*(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const LONGEST_ORGANISATION = 64;
const REPOSITORY = /^[a-z0-9]+(?:(?:[./]|__?|-+)[a-z0-9]+)*$/;
const LONGEST_REPOSITORY = 128;
/** `/v2/manage/...` is this API. */
const RESERVED = 'manage';

/**
 * The name for an organisation that is to be made: 1 to 64 characters, a letter first, single dots, up to two
 * underscores, hyphens. ORGANISATION_NAME_INVALID otherwise.
 */
export function parseNewOrganisation(name: string): string {
  const fits = name.length <= LONGEST_ORGANISATION && ORGANISATION.test(name) && name !== RESERVED;
  if (!fits) throw new SwrError('ORGANISATION_NAME_INVALID');
  return name;
}

/** The name for a repository that is to be made in an organisation: 1 to 128 characters; may hold slashes. */
export function parseNewRepository(organisation: string, name: string): RepositoryName {
  if (name.length > LONGEST_REPOSITORY || !REPOSITORY.test(name)) throw new SwrError('REPOSITORY_NAME_INVALID');
  return repositoryOf(organisation, name) ?? throwing('REPOSITORY_NAME_INVALID');
}

/**
 * The repository that a path names, where a `$` stands for a slash (clients send either). REPOSITORY_UNKNOWN where no
 * repository can have this name: what pushes have made need not fit the rules for new names.
 */
export function repositoryInPath(organisation: string, segment: string): RepositoryName {
  return repositoryOf(organisation, segment.replaceAll('$', '/')) ?? throwing('REPOSITORY_UNKNOWN');
}

function repositoryOf(organisation: string, name: string): RepositoryName | null {
  // `organisation` comes of a path as well: a slash in it would name another one.
  if (organisation.includes('/') || name === '') return null;
  try {
    return parseRepositoryName(`${organisation}/${name}`);
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}

function throwing(error: 'REPOSITORY_NAME_INVALID' | 'REPOSITORY_UNKNOWN'): never {
  throw new SwrError(error);
}
