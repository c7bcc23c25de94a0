import { RegistryError, registryError } from '@berth/oci';
import { SwrError } from '@berth/swr';

/** Header that carries the request's id over the bus. */
export const REQUEST_ID_HEADER = 'X-Request-Id';

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
