import { registryError } from '@berth/oci';

/** Name and password of an Authorization header; null where there is none. UNAUTHORIZED where it is not Basic. RFC 7617. */
export function basicCredentials(authorization: string | undefined): { username: string; password: string } | null {
  if (authorization === undefined) return null;
  const encoded = /^Basic +([A-Za-z0-9+/_-]+=*)$/i.exec(authorization)?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) throw registryError('UNAUTHORIZED', undefined, { message: 'Basic credentials are needed here' });
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
