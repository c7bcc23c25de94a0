import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ExportedMetric, exportedMetrics } from './exported-metrics.js';
import { withMetricsTables } from './metrics-table.js';

const PAGE = resolve(__dirname, '../../../../docs/metrics.md');

/** Labels and what bounds them. Whoever adds one says here why a client cannot make new values of it. */
const BOUNDED: Record<string, string> = {
  dependency: 'what a service needs',
  direction: 'in, out',
  kind: 'what the reviews are of',
  method: 'what HTTP knows',
  operation: 'of the port for blobs',
  outcome: 'codes of errors',
  reason: 'of refusals, of damage',
  route: 'templates of paths',
  status: 'what HTTP knows',
  subject: 'contracts between services',
  verdict: 'of a review',
};
const UNITS = /_(seconds|bytes)(_total)?$|_(seconds|bytes)_/;

describe('the metrics of the six services', () => {
  let metrics: ExportedMetric[];
  let ours: ExportedMetric[];
  beforeAll(async () => {
    metrics = await exportedMetrics();
    ours = metrics.filter(({ name }) => name.startsWith('berth_'));
  });

  it('are those of docs/metrics.md (otherwise: npm run metrics:table)', () => {
    const page = readFileSync(PAGE, 'utf8');
    expect(withMetricsTables(page, metrics)).toBe(page);
  });

  it('are there for each service', () => {
    const names = (service: string) =>
      ours.filter(({ services }) => services.includes(service)).map(({ name }) => name);
    expect(names('gateway')).toContain('berth_http_request_duration_seconds');
    expect(names('storage')).toContain('berth_object_store_operation_duration_seconds');
    expect(names('gc-worker')).toContain('berth_garbage_due_objects');
    for (const service of ['registry-v2', 'manage', 'auth', 'storage', 'gc-worker']) {
      expect(names(service)).toEqual(
        expect.arrayContaining(['berth_bus_answer_duration_seconds', 'berth_database_waiting', 'berth_dependency_up']),
      );
    }
    expect(names('gateway').filter((name) => name.startsWith('berth_database'))).toEqual([]);
  });

  it('are named as Prometheus asks for it', () => {
    for (const { name, type, help } of ours) {
      expect(name).toMatch(/^berth(_[a-z]+)+$/);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).not.toMatch(/_(count|sum|bucket|info|milliseconds|ms|kb|mb|percent)(_|$)/);
      if (type === 'histogram') expect(name).toMatch(/_duration_seconds$/);
      if (/[Bb]ytes|seconds/.test(name)) expect(name).toMatch(UNITS);
      expect(help).toMatch(/^[A-Z].{10,}[^.]$/);
    }
  });

  it('have labels of which no client makes new values', () => {
    const labels = new Set(ours.flatMap((metric) => metric.labels));
    expect([...labels].sort()).toEqual(Object.keys(BOUNDED).sort());
  });
});
