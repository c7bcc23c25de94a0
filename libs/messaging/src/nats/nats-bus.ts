import { randomUUID } from 'node:crypto';
import type { RequestContract } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { headers } from '@nats-io/transport-node';
import { MessageBus, type RequestOptions } from '../message-bus.js';
import { currentRequest } from '../request-context.js';
import { replyOf, type ReplyPacket, writeContext } from '../rpc-packet.js';
import type { NatsLink } from './nats-connection.js';

/**
 * Speaks the packets of Nest's NATS server over the client's own request multiplexer: one subscription for all replies,
 * where Nest's client makes one for each.
 */
export class NatsBus extends MessageBus {
  constructor(private readonly link: NatsLink) {
    super();
  }

  async request<Request extends object, Reply>(
    contract: RequestContract<Request, Reply>,
    request: Request,
    options: RequestOptions = {},
  ): Promise<Reply> {
    if (!this.link.isUp) throw unavailable(contract.subject, 'the bus is not connected');
    const { subject, timeoutMs } = { ...contract, ...options };
    const packet = JSON.stringify({ pattern: subject, data: request, id: randomUUID() });
    const context = headers();
    writeContext(context, currentRequest() ?? { requestId: randomUUID() });
    const reply = await this.link.connection
      .request(this.link.nameOf(subject), packet, { timeout: timeoutMs, headers: context })
      .catch((cause: unknown) => {
        throw unavailable(subject, cause);
      });
    return replyOf<Reply>(subject, reply.json<ReplyPacket>());
  }

  async ready(): Promise<void> {
    if (!this.link.isUp) throw unavailable('ready', 'the bus is not connected');
    await this.link.connection.flush();
  }

  close(): Promise<void> {
    return this.link.close();
  }
}

const unavailable = (subject: string, cause: unknown) => registryError('UNAVAILABLE', { subject }, { cause });
