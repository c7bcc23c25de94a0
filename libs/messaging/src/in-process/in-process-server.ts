import { setTimeout as delay } from 'node:timers/promises';
import {
  BaseRpcContext,
  type CustomTransportStrategy,
  type MessageHandler,
  Server,
  type WritePacket,
} from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import type { RequestContext } from '../request-context.js';
import type { InProcessBus } from './in-process-bus.js';

const POLL_MS = 5;

/** What a handler of an in-process message can ask about it; the counterpart of NatsContext. */
export class InProcessContext extends BaseRpcContext<[subject: string, request: RequestContext | undefined]> {
  get request(): RequestContext | undefined {
    return this.args[1];
  }
}

/** Nest's transport strategy on the in-process bus. One per service; closing waits for what is being answered. */
export class InProcessServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol.for('BERTH_IN_PROCESS');
  private inFlight = 0;

  constructor(
    private readonly bus: InProcessBus,
    private readonly drainMs: number,
  ) {
    super();
  }

  listen(done: () => void): void {
    for (const [subject, handler] of this.messageHandlers) this.serve(subject, handler);
    done();
  }

  async close(): Promise<void> {
    for (const subject of this.messageHandlers.keys()) this.bus.remove(subject);
    const deadline = Date.now() + this.drainMs;
    while (this.inFlight > 0 && Date.now() < deadline) await delay(POLL_MS);
  }

  on(): void {}

  unwrap<T>(): T {
    return this.bus as T;
  }

  private serve(subject: string, handler: MessageHandler): void {
    this.bus.add(subject, ({ data, context: request }, reply) => {
      const context = new InProcessContext([subject, request]);
      this.inFlight++;
      let open = true;
      const answer = (packet: WritePacket) => {
        if (!open) return;
        open = false;
        this.inFlight--;
        reply(packet);
      };
      setImmediate(() => {
        const run = async () => this.transformToObservable(await handler(data, context)) as Observable<unknown>;
        this.handleRequest(context, run, answer);
      });
    });
  }
}
