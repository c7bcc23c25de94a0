import type { Metrics } from '@berth/platform';
import type { Counter } from 'prom-client';

/** What goes wrong with garbage: single reviews and deletions, and whole runs that break off. */
export const garbageErrors = (metrics: Metrics): Counter<'kind'> =>
  metrics.counter(
    'berth_garbage_errors_total',
    'A `manifest`, a `link`, an `object` that failed; a `collection`, a `reconciliation` that broke off, as in an outage',
    ['kind'],
  );
