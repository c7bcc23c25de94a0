import type { IncomingMessage } from 'node:http';
import { registryError } from '@berth/oci';

/** The whole body, of at most `limit` bytes: a longer one is 413 before it is read, or as soon as it has passed the limit. */
export async function readBody(
  request: IncomingMessage,
  limit: number,
  tooLarge: (limit: number) => Error = manifestTooLarge,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Whoever breaks off leaves the connection whole: it still has to carry the answer, and the next request.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw tooLarge(limit);
      chunks.push(chunk);
    }
  } catch (error) {
    if (length > limit) throw error;
    throw registryError('SIZE_INVALID', undefined, { cause: error, message: 'the request body ended early' });
  }
  return Buffer.concat(chunks);
}

const manifestTooLarge = (limit: number) =>
  registryError('MANIFEST_INVALID', { limit }, { status: 413, message: `manifest is larger than ${limit} bytes` });
