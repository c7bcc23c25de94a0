import type { Identity } from '@berth/contracts';
import { parseRepositoryName, RegistryError, type RepositoryName, type Scope } from '@berth/oci';

export type Action = 'pull' | 'push' | 'delete';

/** Who makes a request, as far as the gateway knows. */
export interface Caller {
  /** Absent where nobody is authenticated: anonymous tokens, and open mode. */
  userId: string | undefined;
  /** The user with the credential it was authenticated by, where it was. */
  identity?: Identity;
  /** Open mode: there are no rights. */
  everything: boolean;
  /** May ask which repositories there are; the answer has those that they may pull. */
  mayList: boolean;
  /** Present where the token is over, in seconds since 1970: it is good for uploads that had started by then, and no more. */
  startedBy?: number;
  may(action: Action, repository: RepositoryName): Promise<boolean>;
  /** The right was asked for with these credentials, and refused: asking again is no use. */
  wasRefused(action: Action, repository: RepositoryName): Promise<boolean>;
}

/** Open mode: everybody, everything. */
export const ANYBODY: Caller = {
  userId: undefined,
  everything: true,
  mayList: true,
  may: async () => true,
  wasRefused: async () => false,
};

/** No credentials: nothing. */
export const NOBODY: Caller = {
  userId: undefined,
  everything: false,
  mayList: false,
  may: async () => false,
  wasRefused: async () => false,
};

/** What the bearer of a token may do somewhere now; null where what the token says still holds. */
export type RightsNow = (repository: RepositoryName) => Promise<ReadonlySet<string> | null>;

/**
 * The bearer of a token, anonymous without an identity. Names are compared in canonical form, whole: neither prefixes nor
 * patterns grant anything. Where rights have changed, those of now count, of what the token was asked for.
 */
export function bearer(
  identity: Identity | undefined,
  access: Scope[],
  refused: Scope[],
  { startedBy, rightsNow = async () => null }: { startedBy?: number; rightsNow?: RightsNow } = {},
): Caller {
  const granted = actionsByRepository(access);
  const denied = actionsByRepository(refused);
  const decided = async (action: Action, repository: RepositoryName): Promise<'granted' | 'denied' | 'not asked'> => {
    const wasGranted = granted.get(repository)?.has(action) ?? false;
    if (!wasGranted && !denied.get(repository)?.has(action)) return 'not asked';
    const now = await rightsNow(repository);
    return (now === null ? wasGranted : now.has(action)) ? 'granted' : 'denied';
  };
  return {
    userId: identity?.userId,
    ...(identity && { identity }),
    everything: false,
    mayList: access.some(
      ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
    ),
    ...(startedBy !== undefined && { startedBy }),
    may: async (action, repository) => (await decided(action, repository)) === 'granted',
    // Nobody who is anonymous is refused for good: they may have a password.
    wasRefused: async (action, repository) =>
      identity !== undefined && (await decided(action, repository)) === 'denied',
  };
}

function actionsByRepository(scopes: Scope[]): Map<string, Set<string>> {
  const byRepository = new Map<string, Set<string>>();
  for (const { type, name, actions } of scopes) {
    const repository = type === 'repository' ? canonical(name) : null;
    if (repository === null) continue;
    byRepository.set(repository, new Set([...(byRepository.get(repository) ?? []), ...actions]));
  }
  return byRepository;
}

function canonical(name: string): RepositoryName | null {
  try {
    return parseRepositoryName(name);
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}
