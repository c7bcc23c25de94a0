import { randomUUID } from 'node:crypto';
import { RegistryError, registryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { propagation } from '@opentelemetry/api';
import { REQUEST_ID, type RequestContext, type RequestOrigin } from './request-context.js';
import { type TraceHeaders, traceHeaders } from './trace.js';

/** Header that carries the request's origin over the bus. */
const ORIGIN_HEADER = 'X-Berth-Origin';

/** Headers, as both sides of NATS have them. */
interface Headers {
  get(name: string): string;
  set(name: string, value: string): void;
}

/** Names of users are of any script, and headers are not. */
export function writeContext(headers: Headers, { requestId, origin }: RequestContext): void {
  for (const [name, value] of Object.entries(traceHeaders())) headers.set(name, value);
  headers.set(REQUEST_ID, requestId);
  if (origin) headers.set(ORIGIN_HEADER, encodeURIComponent(JSON.stringify(origin)));
}

/** The context of who asked; a new one where the message has none. */
export function readContext(headers: Headers | undefined): RequestContext {
  const origin = headers?.get(ORIGIN_HEADER);
  return {
    requestId: headers?.get(REQUEST_ID) || randomUUID(),
    ...(origin && { origin: JSON.parse(decodeURIComponent(origin)) as RequestOrigin }),
  };
}

/** The asker's trace, as it was written; undefined where the message has no headers. */
export function readTrace(headers: Headers | undefined): TraceHeaders | undefined {
  return headers && Object.fromEntries(propagation.fields().map((name) => [name, headers.get(name) || undefined]));
}

/** The reply as Nest's servers put it on the wire. */
export interface ReplyPacket {
  err?: unknown;
  response?: unknown;
  isDisposed?: boolean;
}

/** The reply's value, or the error that the other side described. */
export function replyOf<Reply>(subject: string, packet: ReplyPacket): Reply {
  if (packet.err === undefined || packet.err === null) return packet.response as Reply;
  throw RegistryError.fromWire(packet.err) ?? SwrError.fromWire(packet.err) ?? registryError('UNKNOWN', { subject });
}
