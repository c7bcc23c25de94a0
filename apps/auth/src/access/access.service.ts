import { AccessFactsStore } from '@berth/metadata';
import { parseRepositoryName, RegistryError, type Scope } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { allowedActions, type Principal } from './access-engine.js';

/** Most scopes a token may be asked for at once: each costs a query. */
const MAX_SCOPES = 50;
const EVERY_ACTION = ['pull', 'push', 'delete'];

@Injectable()
export class AccessService {
  constructor(private readonly facts: AccessFactsStore) {}

  /** What of each asked scope is allowed and what is not; a scope of which nothing is left stays out. Never an error. */
  async intersect(principal: Principal, asked: Scope[]): Promise<{ access: Scope[]; refused: Scope[] }> {
    const split = await Promise.all(asked.slice(0, MAX_SCOPES).map((scope) => this.split(principal, scope)));
    const nonEmpty = (scopes: Scope[]) => scopes.filter((scope) => scope.actions.length > 0);
    return { access: nonEmpty(split.map((one) => one.access)), refused: nonEmpty(split.map((one) => one.refused)) };
  }

  private async split(principal: Principal, scope: Scope): Promise<{ access: Scope; refused: Scope }> {
    const allowed = await this.allowed(principal, scope);
    const asked = scope.actions.includes('*') && scope.type === 'repository' ? EVERY_ACTION : scope.actions;
    return {
      access: { ...scope, actions: asked.filter((action) => allowed.includes(action)) },
      refused: { ...scope, actions: asked.filter((action) => !allowed.includes(action)) },
    };
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

function parseOrNull(name: string) {
  try {
    return parseRepositoryName(name);
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}
