import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/**
 * What a process tells Prometheus. A metric is made where that is known which it measures; whoever names it again has the
 * same one. Labels are bounded sets: routes, subjects, outcomes; never names of clients' things. docs/metrics.md has all of
 * them.
 */
export class Metrics {
  readonly registry = new Registry();

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
  }

  /** Counts up. `collect` runs before each answer to Prometheus, and brings the count up to date. */
  counter<Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
    collect?: () => void,
  ): Counter<Label> {
    const options = { name, help, labelNames, registers: [this.registry], ...(collect && { collect }) };
    return this.known<Counter<Label>>(name) ?? new Counter(options);
  }

  /** Times, in seconds. */
  durations<Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
  ): Histogram<Label> {
    return (
      this.known<Histogram<Label>>(name) ??
      new Histogram({ name, help, labelNames, buckets: SECONDS, registers: [this.registry] })
    );
  }

  /** Goes up and down with what is under way in this process. */
  level<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return this.known<Gauge<Label>>(name) ?? new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  /** A figure that is read when Prometheus asks; one that cannot be read is left out of that answer. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        try {
          this.set(await read());
        } catch {
          this.remove();
        }
      },
    });
  }

  /** As `gauge`, with a figure for each value of a label. */
  gauges(name: string, help: string, label: string, read: () => Promise<Record<string, number>>): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      async collect() {
        this.reset();
        const figures = await read().catch(() => ({}));
        for (const [value, figure] of Object.entries(figures)) this.set({ [label]: value }, figure);
      },
    });
  }

  private known<Metric>(name: string): Metric | undefined {
    return this.registry.getSingleMetric(name) as Metric | undefined;
  }
}
