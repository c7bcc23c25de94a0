import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** What a process tells Prometheus. Labels are bounded sets: routes, subjects, outcomes; never names of clients' things. */
export class Metrics {
  readonly registry = new Registry();

  readonly httpRequests = new Histogram({
    name: 'berth_http_request_duration_seconds',
    help: 'Requests at the gateway until the answer is written',
    labelNames: ['route', 'method', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly busRequests = new Histogram({
    name: 'berth_bus_request_duration_seconds',
    help: 'Questions to other services until their answer',
    labelNames: ['subject', 'outcome'],
    buckets: SECONDS,
    registers: [this.registry],
  });

  readonly blobBytes = new Counter({
    name: 'berth_blob_bytes_total',
    help: 'Bytes of blobs that passed',
    labelNames: ['direction'],
    registers: [this.registry],
  });

  readonly garbage = new Counter({
    name: 'berth_garbage_reviews_total',
    help: 'Reviews of what may be garbage, by verdict',
    labelNames: ['kind', 'verdict'],
    registers: [this.registry],
  });

  readonly garbageErrors = new Counter({
    name: 'berth_garbage_errors_total',
    help: 'What went wrong with garbage, by what it was about',
    labelNames: ['kind'],
    registers: [this.registry],
  });

  readonly deletedObjects = new Counter({
    name: 'berth_garbage_deleted_objects_total',
    help: 'Objects deleted from the object store',
    registers: [this.registry],
  });

  readonly freedBytes = new Counter({
    name: 'berth_garbage_freed_bytes_total',
    help: 'Bytes of objects deleted from the object store',
    registers: [this.registry],
  });

  readonly damagedBlobs = new Counter({
    name: 'berth_damaged_blobs_total',
    help: 'Blobs put into quarantine, by what is wrong with their object',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  readonly scrubbedBytes = new Counter({
    name: 'berth_scrubbed_bytes_total',
    help: 'Bytes of stored objects that were hashed again',
    registers: [this.registry],
  });

  readonly orphansRemoved = new Counter({
    name: 'berth_orphans_removed_total',
    help: 'Objects and unfinished uploads without a row that were removed',
    registers: [this.registry],
  });

  readonly loginsRefused = new Counter({
    name: 'berth_logins_refused_total',
    help: 'Logins refused without a look at the password, by what had too many failures',
    labelNames: ['reason'],
    registers: [this.registry],
  });

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
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
}
