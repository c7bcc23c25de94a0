import { registryError } from '@berth/oci';

export interface BasicCredentials {
  username: string;
  password: string;
}

/** What auth takes at most (IssueTokenV1): longer ones are nobody's. */
const LONGEST_NAME = 256;
const LONGEST_PASSWORD = 4096;
/** RFC 7617 section 2: neither may hold one. */
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

/** Name and password of an Authorization header; null where there is none. UNAUTHORIZED where it is not Basic. RFC 7617. */
export function basicCredentials(authorization: string | undefined): BasicCredentials | null {
  if (authorization === undefined) return null;
  const encoded = /^Basic +([A-Za-z0-9+/_-]+=*)$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return possibleCredentials(text.slice(0, Math.max(0, colon)), text.slice(colon + 1));
}

/** Name and password, where they can be somebody's: else UNAUTHORIZED. */
export function possibleCredentials(username: string, password: string): BasicCredentials {
  const tooLong = username.length > LONGEST_NAME || password.length > LONGEST_PASSWORD;
  if (username === '' || tooLong || CONTROL_CHARACTER.test(username) || CONTROL_CHARACTER.test(password)) {
    throw registryError('UNAUTHORIZED', undefined, { message: 'name and password of a user are needed here' });
  }
  return { username, password };
}
