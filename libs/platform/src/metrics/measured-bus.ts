import type { RequestContract } from '@berth/contracts';
import { MessageBus, type RequestOptions } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import type { Metrics } from './metrics.js';

/** A bus that counts and times what passes over it. */
export class MeasuredBus extends MessageBus {
  constructor(
    private readonly bus: MessageBus,
    private readonly metrics: Metrics,
  ) {
    super();
  }

  async request<Request extends object, Reply>(
    contract: RequestContract<Request, Reply>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Reply> {
    const observe = this.metrics.busRequests.startTimer({ subject: contract.subject });
    try {
      const reply = await this.bus.request<Request, Reply>(contract, request, options);
      observe({ outcome: 'ok' });
      return reply;
    } catch (error) {
      observe({ outcome: outcomeOf(error) });
      throw error;
    }
  }

  ready(): Promise<void> {
    return this.bus.ready();
  }

  close(): Promise<void> {
    return this.bus.close();
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof SwrError) return error.error;
  return error instanceof RegistryError ? error.code : 'UNKNOWN';
}
