import type { RequestContract } from '@berth/contracts';
import { inSpan, MessageBus, type RequestOptions } from '@berth/messaging';
import type { Gauge, Histogram } from 'prom-client';
import type { Metrics } from './metrics.js';
import { outcomeOf } from './outcome.js';

/** A bus that counts, times and traces what passes over it. */
export class MeasuredBus extends MessageBus {
  private readonly durations: Histogram<'subject' | 'outcome'>;
  private readonly inFlight: Gauge;

  constructor(
    private readonly bus: MessageBus,
    metrics: Metrics,
  ) {
    super();
    this.durations = metrics.durations(
      'berth_bus_request_duration_seconds',
      'Questions to other services until their answer; `outcome` is `ok` or the code of the error',
      ['subject', 'outcome'],
    );
    this.inFlight = metrics.level(
      'berth_bus_requests_in_flight',
      'Questions to other services that wait for an answer',
    );
  }

  async request<Request extends object, Reply>(
    contract: RequestContract<Request, Reply>,
    request: Request,
    options?: RequestOptions,
  ): Promise<Reply> {
    const observe = this.durations.startTimer({ subject: contract.subject });
    this.inFlight.inc();
    try {
      const reply = await inSpan(contract.subject, 'CLIENT', () =>
        this.bus.request<Request, Reply>(contract, request, options),
      );
      observe({ outcome: 'ok' });
      return reply;
    } catch (error) {
      observe({ outcome: outcomeOf(error) });
      throw error;
    } finally {
      this.inFlight.dec();
    }
  }

  ready(): Promise<void> {
    return this.bus.ready();
  }

  close(): Promise<void> {
    return this.bus.close();
  }
}
