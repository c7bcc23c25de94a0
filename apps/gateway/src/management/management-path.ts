import type { RepositoryName } from '@berth/oci';
import { repositoryInPath, SwrError } from '@berth/swr';
import { STORABLE } from './storable.js';

/** What a path below `/v2/manage/` names. */
export type ManagementPath =
  | { kind: 'organisations' }
  | { kind: 'repositories' }
  | { kind: 'sharedRepositories' }
  | { kind: 'overview' }
  | { kind: 'organisation'; organisation: string }
  | { kind: 'organisationAccess'; organisation: string }
  | { kind: 'organisationRepositories'; organisation: string }
  | { kind: 'repository'; organisation: string; repository: RepositoryName }
  | { kind: 'repositoryAccess'; organisation: string; repository: RepositoryName }
  | { kind: 'tags'; organisation: string; repository: RepositoryName }
  | { kind: 'tag'; organisation: string; repository: RepositoryName; tag: string }
  | { kind: 'shares'; organisation: string; repository: RepositoryName }
  | { kind: 'share'; organisation: string; repository: RepositoryName; account: string }
  | { kind: 'organisationUntaggedPolicy'; organisation: string }
  | { kind: 'repositoryUntaggedPolicy'; organisation: string; repository: RepositoryName }
  | { kind: 'explanation' }
  | { kind: 'repositoryExplanation'; organisation: string; repository: RepositoryName }
  | { kind: 'collectionPlan' }
  | { kind: 'quotas'; project: string }
  | { kind: 'dockerLogin' }
  | { kind: 'accelerator'; account: string }
  | { kind: 'officialImages' }
  | { kind: 'officialImage'; organisation: string; repository: RepositoryName }
  | { kind: 'officialImageTags'; organisation: string; repository: RepositoryName }
  | { kind: 'audit' }
  | { kind: 'organisationAudit'; organisation: string }
  | { kind: 'reconciliation' }
  | { kind: 'reconciliationConfirmation' };

/** No organisation, and no message between the services, has a longer name. */
export const LONGEST_ORGANISATION = 255;

/** Both are in use: `repos` for most, `repositories` for shares. */
const REPOSITORIES = ['repos', 'repositories'];
/** An older and a newer version of the reference. */
const ACCELERATORS = ['accelerator', 'accelerators'];

/**
 * Reads the path behind `/v2/manage/`, still percent-encoded. A repository's name may hold slashes, as `$` or as they are,
 * so what follows it is read from the right. Null where there is nothing; REPOSITORY_UNKNOWN and ORGANISATION_UNKNOWN
 * where none can have such a name.
 */
export function parseManagementPath(path: string): ManagementPath | null {
  const segments = path.split('/').map(decode);
  if (segments.some((segment) => segment === null || segment === '')) return null;
  const [first, organisation, below, ...rest] = segments as string[];
  if (segments.length === 1 && first === 'repos') return { kind: 'repositories' };
  if (segments.length === 1 && first === 'shared-repositories') return { kind: 'sharedRepositories' };
  if (segments.length === 1 && first === 'audit') return { kind: 'audit' };
  if (segments.length === 1 && first === 'overview') return { kind: 'overview' };
  if (first === 'projects' && organisation !== undefined && below === 'quotas' && rest.length === 0) {
    return { kind: 'quotas', project: organisation };
  }
  if (first === 'utils' && organisation === 'secret' && below === undefined) return { kind: 'dockerLogin' };
  if (first === 'domain' && ACCELERATORS.includes(below ?? '') && rest.length === 0) {
    return { kind: 'accelerator', account: organisation! };
  }
  if (first === 'dockerhub') return amongOfficialImages(segments.slice(1) as string[]);
  if (first === 'garbage') return amongGarbage(segments.slice(1).join('/'));
  if (first !== 'namespaces') return null;
  if (organisation === undefined) return { kind: 'organisations' };
  if (organisation.length > LONGEST_ORGANISATION || !STORABLE.test(organisation))
    throw new SwrError('ORGANISATION_UNKNOWN');
  if (below === undefined) return { kind: 'organisation', organisation };
  if (below === 'access' && rest.length === 0) return { kind: 'organisationAccess', organisation };
  if (below === 'audit' && rest.length === 0) return { kind: 'organisationAudit', organisation };
  if (below === 'untagged-policy' && rest.length === 0) return { kind: 'organisationUntaggedPolicy', organisation };
  if (!REPOSITORIES.includes(below)) return null;
  return rest.length === 0 ? { kind: 'organisationRepositories', organisation } : inRepository(organisation, rest);
}

function amongGarbage(rest: string): ManagementPath | null {
  if (rest === 'explain') return { kind: 'explanation' };
  if (rest === 'plan') return { kind: 'collectionPlan' };
  if (rest === 'reconcile') return { kind: 'reconciliation' };
  return rest === 'reconcile/confirm' ? { kind: 'reconciliationConfirmation' } : null;
}

function amongOfficialImages([first, organisation, below, ...rest]: string[]): ManagementPath | null {
  if (first === 'repos' && organisation === undefined) return { kind: 'officialImages' };
  if (first !== 'namespaces' || organisation === undefined || below !== 'repos' || rest.length === 0) return null;
  const ofTags = rest.length > 1 && rest.at(-1) === 'tags';
  const repository = repositoryInPath(organisation, rest.slice(0, ofTags ? -1 : undefined).join('/'));
  return { kind: ofTags ? 'officialImageTags' : 'officialImage', organisation, repository };
}

function inRepository(organisation: string, rest: string[]): ManagementPath {
  const of = (behind: number) => ({
    organisation,
    repository: repositoryInPath(organisation, rest.slice(0, rest.length - behind).join('/')),
  });
  const [before, last] = [rest.at(-2), rest.at(-1)!];
  if (rest.length > 2 && before === 'tags') return { kind: 'tag', ...of(2), tag: last };
  if (rest.length > 2 && before === 'garbage' && last === 'explain') return { kind: 'repositoryExplanation', ...of(2) };
  if (rest.length > 2 && before === 'access-domains') return { kind: 'share', ...of(2), account: last };
  if (rest.length > 1 && last === 'tags') return { kind: 'tags', ...of(1) };
  if (rest.length > 1 && last === 'access') return { kind: 'repositoryAccess', ...of(1) };
  if (rest.length > 1 && last === 'untagged-policy') return { kind: 'repositoryUntaggedPolicy', ...of(1) };
  if (rest.length > 1 && last === 'access-domains') return { kind: 'shares', ...of(1) };
  return { kind: 'repository', ...of(0) };
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null;
  }
}
