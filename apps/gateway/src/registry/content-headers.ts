import type { Digest } from '@berth/oci';
import type { FastifyReply } from 'fastify';
import { header, type RegistryRequest } from './registry-request.js';

const A_YEAR = 31_536_000;

/** Headers of content that is named by its digest. */
export const immutable = (reply: FastifyReply, digest: Digest): FastifyReply =>
  contentDigest(reply, digest).header('cache-control', `max-age=${A_YEAR}, immutable`);

export const contentDigest = (reply: FastifyReply, digest: Digest): FastifyReply =>
  reply.header('docker-content-digest', digest).header('etag', `"${digest}"`);

/** True where If-None-Match names what would be sent: its ETag without the quotes. RFC 9110 section 13.1.2. */
export function isNotModified(request: Pick<RegistryRequest, 'raw'>, entity: string): boolean {
  const known = header(request, 'if-none-match');
  if (known === undefined) return false;
  return known.trim() === '*' || known.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${entity}"`);
}

/** False where If-Range names other content than this: then a Range is not for it. RFC 9110 section 13.1.5. */
export function isRangeOf(request: Pick<RegistryRequest, 'raw'>, digest: Digest): boolean {
  const known = header(request, 'if-range');
  return known === undefined || known === `"${digest}"`;
}
