/** A right on a resource, as Docker's token flow asks for it and as the token carries it. */
export interface Scope {
  type: string;
  name: string;
  actions: string[];
}

/** The resource class in parentheses, `repository(plugin)`, is of no meaning to us and is dropped. */
const TYPE = /^([a-z0-9]+)(?:\([a-z0-9]+\))?$/;
/** Visible ASCII without quote and backslash, so that a scope can stand in a WWW-Authenticate header. */
const NAME = /^[!#-[\]-~]{1,512}$/;
const ACTION = /^(?:[a-z]+|\*)$/;

/**
 * The scope in `s`, `type[(class)]:name:actions`, or null when it is none. The name may hold a colon (`host:5000/a`);
 * it is not checked against the repository grammar. Spec: distribution "Token Scope Documentation".
 */
export function parseScope(s: string): Scope | null {
  const first = s.indexOf(':');
  const last = s.lastIndexOf(':');
  if (first === last) return null;
  const type = TYPE.exec(s.slice(0, first))?.[1];
  const name = s.slice(first + 1, last);
  const actions = [...new Set(s.slice(last + 1).split(','))];
  if (type === undefined || !NAME.test(name) || !actions.every((action) => ACTION.test(action))) return null;
  return { type, name, actions };
}

/** The scopes of repeated `scope` parameters; each may hold several, separated by spaces. Nonsense is skipped. */
export function parseScopes(values: readonly string[]): Scope[] {
  return values
    .flatMap((value) => value.split(' '))
    .map(parseScope)
    .filter((scope) => scope !== null);
}

/** The inverse of `parseScope`. */
export function formatScope(scope: Scope): string {
  return `${scope.type}:${scope.name}:${scope.actions.join(',')}`;
}
