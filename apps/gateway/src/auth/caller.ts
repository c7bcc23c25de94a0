import { parseRepositoryName, RegistryError, type RepositoryName, type Scope } from '@berth/oci';

export type Action = 'pull' | 'push' | 'delete';

/** Who makes a request, as far as the gateway knows: what the token says they may do. */
export interface Caller {
  /** Absent where nobody is authenticated: anonymous tokens, and open mode. */
  userId: string | undefined;
  may(action: Action, repository: RepositoryName): boolean;
  /** The right was asked for with these credentials, and refused: asking again is no use. */
  wasRefused(action: Action, repository: RepositoryName): boolean;
}

/** Open mode: everybody, everything. */
export const ANYBODY: Caller = { userId: undefined, may: () => true, wasRefused: () => false };

/** No token: nothing. */
export const NOBODY: Caller = { userId: undefined, may: () => false, wasRefused: () => false };

/** The bearer of a token. Names are compared in canonical form, whole: neither prefixes nor patterns grant anything. */
export function bearer(userId: string | undefined, access: Scope[], refused: Scope[]): Caller {
  const granted = actionsByRepository(access);
  const denied = actionsByRepository(refused);
  return {
    userId,
    may: (action, repository) => granted.get(repository)?.has(action) ?? false,
    wasRefused: (action, repository) => denied.get(repository)?.has(action) ?? false,
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
