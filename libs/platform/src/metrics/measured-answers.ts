import { AnswerObserver } from '@berth/messaging';
import type { Gauge, Histogram } from 'prom-client';
import type { Metrics } from './metrics.js';
import { outcomeOf } from './outcome.js';

/** Counts and times what this process answers. */
export class MeasuredAnswers extends AnswerObserver {
  private readonly durations: Histogram<'subject' | 'outcome'>;
  private readonly inFlight: Gauge;

  constructor(metrics: Metrics) {
    super();
    this.durations = metrics.durations(
      'berth_bus_answer_duration_seconds',
      'Answers to questions of other services, from their arrival; `outcome` is `ok` or the code of the error',
      ['subject', 'outcome'],
    );
    this.inFlight = metrics.level('berth_bus_answers_in_flight', 'Questions of other services that are being answered');
  }

  begin(subject: string): (error?: unknown) => void {
    const observe = this.durations.startTimer({ subject });
    this.inFlight.inc();
    return (error) => {
      this.inFlight.dec();
      observe({ outcome: error === undefined ? 'ok' : outcomeOf(error) });
    };
  }
}
