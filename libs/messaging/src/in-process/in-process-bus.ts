import type { RequestContract } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { MessageBus, type RequestOptions } from '../message-bus.js';
import { currentRequest, type RequestContext } from '../request-context.js';
import { replyOf, type ReplyPacket } from '../rpc-packet.js';

/** What a request carries besides its data. */
export interface Delivery {
  data: unknown;
  context: RequestContext | undefined;
}

/** Answers requests of one subject. `reply` may come at any time later, once. */
export type Endpoint = (delivery: Delivery, reply: (packet: ReplyPacket) => void) => void;

/**
 * The bus of standalone: subjects to endpoints, in one process. Messages are copied as the wire would copy them, so
 * that no service can come to depend on a shared object.
 */
export class InProcessBus extends MessageBus {
  private readonly endpoints = new Map<string, Endpoint>();

  add(subject: string, endpoint: Endpoint): void {
    this.endpoints.set(subject, endpoint);
  }

  remove(subject: string): void {
    this.endpoints.delete(subject);
  }

  async request<Request extends object, Reply>(
    contract: RequestContract<Request, Reply>,
    request: Request,
    options: RequestOptions = {},
  ): Promise<Reply> {
    const { subject, timeoutMs } = { ...contract, ...options };
    const endpoint = this.endpoints.get(subject);
    if (!endpoint) throw registryError('UNAVAILABLE', { subject }, { cause: 'nobody answers' });
    const packet = await new Promise<ReplyPacket>((resolve, reject) => {
      const late = () => reject(registryError('UNAVAILABLE', { subject }, { cause: 'no answer in time' }));
      const timer = setTimeout(late, timeoutMs);
      endpoint({ data: copy(request), context: copyOf(currentRequest()) }, (reply) => {
        clearTimeout(timer);
        resolve(copy(reply));
      });
    });
    return replyOf<Reply>(subject, packet);
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {
    this.endpoints.clear();
  }
}

const copyOf = (context: Readonly<RequestContext> | undefined) => (context ? { ...context } : undefined);
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
