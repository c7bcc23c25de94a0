import type { AccessLevel } from '@berth/contracts';
import type { AccessFacts } from '@berth/metadata';

/** Who asks. */
export type Principal =
  { kind: 'anonymous' } | { kind: 'user'; id: string; accountId: string; isAdministrator: boolean };

/** A user, as whichever store has it. */
type User = { accountId: string; isAdministrator: boolean } & ({ id: string } | { userId: string });

export function principalOf(user: User): Principal {
  const { accountId, isAdministrator } = user;
  return { kind: 'user', id: 'id' in user ? user.id : user.userId, accountId, isAdministrator };
}

export type RepositoryAction = 'pull' | 'push' | 'delete';

const READ = 1;
const EDIT = 3;
const MANAGE = 7;

/**
 * The one place that decides what a principal may do with a repository, which need not exist yet. Everything that asks
 * (tokens, registry routes, management routes, jobs) asks here.
 */
export function allowedActions(principal: Principal, facts: AccessFacts): Set<RepositoryAction> {
  const level = Math.max(granted(principal, facts), facts.repository?.isPublic ? READ : 0);
  const actions = new Set<RepositoryAction>();
  if (level >= READ) actions.add('pull');
  if (level >= EDIT) actions.add('push');
  if (level >= MANAGE) actions.add('delete');
  return actions;
}

/**
 * What a principal may do in an organisation and in a repository of it, as the management API asks. What is not there gives
 * nothing, also to administrators: it can only be made.
 */
export function accessLevels(
  principal: Principal,
  facts: AccessFacts,
): { organisation: AccessLevel; repository: AccessLevel } {
  const inOrganisation = facts.organisation === null ? 0 : granted(principal, { ...facts, repository: null });
  const inRepository = Math.max(granted(principal, facts), facts.repository?.isPublic ? READ : 0);
  return {
    organisation: inOrganisation as AccessLevel,
    repository: (facts.repository === null ? 0 : inRepository) as AccessLevel,
  };
}

/** 7 manage, 3 edit, 1 read, 0 nothing; a repository's public visibility is not in it. */
function granted(principal: Principal, { organisation, repository }: AccessFacts): number {
  if (principal.kind === 'anonymous') return 0;
  // Nobody's organisation is made by the first push into it; administrators may make organisations.
  if (principal.isAdministrator && (organisation === null || organisation.ownedByAccount)) return MANAGE;
  return Math.max(organisation?.permission ?? 0, repository?.permission ?? 0, repository?.sharedWithAccount ? READ : 0);
}
