import { parseRepositoryName, RegistryError, type RepositoryName, type Scope } from '@berth/oci';

export type Action = 'pull' | 'push' | 'delete';

/** Who makes a request, as far as the gateway knows. */
export interface Caller {
  /** Absent where nobody is authenticated: anonymous tokens, and open mode. */
  userId: string | undefined;
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

/** The bearer of a token. Names are compared in canonical form, whole: neither prefixes nor patterns grant anything. */
export function bearer(userId: string | undefined, access: Scope[], refused: Scope[], startedBy?: number): Caller {
  const granted = actionsByRepository(access);
  const denied = actionsByRepository(refused);
  return {
    userId,
    everything: false,
    mayList: access.some(
      ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
    ),
    ...(startedBy !== undefined && { startedBy }),
    may: async (action, repository) => granted.get(repository)?.has(action) ?? false,
    wasRefused: async (action, repository) => denied.get(repository)?.has(action) ?? false,
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
