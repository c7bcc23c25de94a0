import type { ObjectBody } from '@berth/blob-store';
import type { FastifyReply } from 'fastify';

/**
 * Answers with the headers set on `reply` and the bytes of `body`, which flow from the store's buffers into the socket
 * with nothing in between. A client that goes away ends it quietly; a store that breaks cuts the connection, because the
 * status is out already.
 */
export async function sendBody(reply: FastifyReply, status: number, body: ObjectBody): Promise<void> {
  reply.hijack();
  const { raw } = reply;
  let clientLeft = false;
  raw.once('close', () => (clientLeft = !raw.writableFinished));
  try {
    raw.writeHead(status, reply.getHeaders() as Record<string, string>);
    await body.writeTo(raw);
    raw.end();
  } catch (error) {
    body.destroy();
    if (clientLeft) return;
    raw.destroy();
    throw error;
  }
}
