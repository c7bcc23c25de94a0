import { exchange, type HttpAnswer } from './http-exchange.js';

export interface Credentials {
  user: string;
  password: string;
}

/** What `WWW-Authenticate: Bearer realm="...",service="...",scope="..."` says. */
export interface Challenge {
  scheme: string;
  realm: string;
  service?: string;
  scope?: string;
  error?: string;
}

export function parseChallenge(header: string | undefined): Challenge | undefined {
  const match = /^(\w+)\s+(.*)$/.exec(header ?? '');
  if (!match) return undefined;
  const fields = Object.fromEntries(
    [...match[2]!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]),
  );
  return { realm: '', ...fields, scheme: match[1]! };
}

export function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export interface TokenRequest {
  realm: string;
  service?: string;
  scopes?: readonly string[];
  credentials?: Credentials;
}

/** Asks the token endpoint, by its GET form; with credentials or anonymously. */
export function requestToken({ realm, service, scopes = [], credentials }: TokenRequest): Promise<HttpAnswer> {
  const url = new URL(realm);
  if (service) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const headers: Record<string, string> = credentials ? { authorization: basic(credentials) } : {};
  return exchange({ method: 'GET', url: url.href, headers });
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, unknown> & { access?: { name: string; actions: string[] }[] } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}
