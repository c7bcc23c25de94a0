import type { Metrics } from '@berth/platform';
import type { Counter } from 'prom-client';

const KINDS = ['manifest', 'link', 'object', 'collection', 'reconciliation'];

/** What goes wrong with garbage: single reviews and deletions, and whole runs that break off. Nothing yet is 0: the first one is a rise. */
export function garbageErrors(metrics: Metrics): Counter<'kind'> {
  const errors = metrics.counter(
    'berth_garbage_errors_total',
    'A `manifest`, a `link`, an `object` that failed; a `collection`, a `reconciliation` that broke off, as in an outage',
    ['kind'],
  );
  for (const kind of KINDS) errors.inc({ kind }, 0);
  return errors;
}
