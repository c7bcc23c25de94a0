import { parseScopes, registryError, type Scope } from '@berth/oci';
import { possibleCredentials } from './basic-credentials.js';

/** What the form of the token endpoint asks for, as auth takes it. */
export interface TokenForm {
  username?: string;
  password?: string;
  refreshToken?: string;
  offline?: boolean;
  scopes: Scope[];
}

const LONGEST_REFRESH_TOKEN = 4096;

/**
 * Reads the form of `POST /auth/token`. Which service is named does not matter. Some clients repeat `scope` instead of
 * separating scopes by spaces; anything else that comes twice is refused. 400 where a field is missing or unknown in its
 * value, UNAUTHORIZED where the credentials cannot be anybody's. Spec: Docker OAuth2 token authentication; RFC 6749
 * sections 4.3.2 and 6.
 */
export function parseTokenForm(body: string): TokenForm {
  const fields = new URLSearchParams(body);
  const optionalField = (name: string): string | undefined => {
    const values = fields.getAll(name);
    if (values.length > 1) throw badForm('invalid_request', `${name} is given twice`);
    return values[0];
  };
  const field = (name: string): string => {
    const value = optionalField(name);
    if (value === undefined) throw badForm('invalid_request', `${name} is missing`);
    return value;
  };
  const grant = field('grant_type');
  if (grant !== 'password' && grant !== 'refresh_token') {
    throw badForm('unsupported_grant_type', 'grant_type must be password or refresh_token');
  }
  field('service');
  if (field('client_id') === '') throw badForm('invalid_request', 'client_id is empty');
  const scopes = parseScopes(fields.getAll('scope'));
  const offline = optionalField('access_type') === 'offline';
  if (grant === 'refresh_token') return { refreshToken: possibleRefreshToken(field('refresh_token')), scopes };
  const credentials = possibleCredentials(field('username'), field('password'));
  return { ...credentials, scopes, ...(offline && { offline }) };
}

function possibleRefreshToken(token: string): string {
  if (token.length <= LONGEST_REFRESH_TOKEN) return token;
  throw registryError('UNAUTHORIZED', undefined, { message: 'the refresh token is not valid' });
}

/** `error` is that of RFC 6749 section 5.2. */
export const badForm = (error: 'invalid_request' | 'unsupported_grant_type', message: string, status = 400) =>
  registryError('UNSUPPORTED', { error }, { status, message });
