import { AccessFactsStore } from '@berth/metadata';
import { parseRepositoryName, RegistryError, type Scope } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { allowedActions, type Principal } from './access-engine.js';

/** Most scopes a token may be asked for at once: each name costs a query. What is beyond is not allowed. */
const MAX_SCOPES = 50;
const EVERY_ACTION = ['pull', 'push', 'delete'];

@Injectable()
export class AccessService {
  constructor(private readonly facts: AccessFactsStore) {}

  /**
   * What of each asked scope is allowed and what is not; a scope of which nothing is left stays out. Never an error. Names
   * are looked up once each and one after another: however many there are, they hold one connection of the database.
   */
  async intersect(principal: Principal, asked: Scope[]): Promise<{ access: Scope[]; refused: Scope[] }> {
    const allowed = new Map<string, string[]>();
    const split: { access: Scope; refused: Scope }[] = [];
    for (const scope of asked.slice(0, MAX_SCOPES)) {
      const named = `${scope.type}:${scope.name}`;
      if (!allowed.has(named)) allowed.set(named, await this.allowed(principal, scope));
      split.push(divide(scope, allowed.get(named)!));
    }
    const nonEmpty = (scopes: Scope[]) => scopes.filter((scope) => scope.actions.length > 0);
    return { access: nonEmpty(split.map((one) => one.access)), refused: nonEmpty(split.map((one) => one.refused)) };
  }

  private async allowed(principal: Principal, { type, name }: Scope): Promise<string[]> {
    // Anybody may ask which repositories there are: the answer has those that they may pull.
    if (type === 'registry' && name === 'catalog') return ['*'];
    if (type !== 'repository') return [];
    const repository = parseOrNull(name);
    if (repository === null) return [];
    const [accountId, userId] = principal.kind === 'user' ? [principal.accountId, principal.id] : [null, null];
    return [...allowedActions(principal, await this.facts.find(repository, accountId, userId))];
  }
}

function divide(scope: Scope, allowed: string[]): { access: Scope; refused: Scope } {
  const asked = scope.actions.includes('*') && scope.type === 'repository' ? EVERY_ACTION : scope.actions;
  return {
    access: { ...scope, actions: asked.filter((action) => allowed.includes(action)) },
    refused: { ...scope, actions: asked.filter((action) => !allowed.includes(action)) },
  };
}

function parseOrNull(name: string) {
  try {
    return parseRepositoryName(name);
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}
