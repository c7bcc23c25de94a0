import { randomUUID } from 'node:crypto';
import { ReconciliationLost, type ReconciliationState, ReconciliationStore } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { garbageErrors } from '../garbage-errors.js';
import { ObjectComparison } from './object-comparison.js';
import { Scrub } from './scrub.js';

const AFTER_FAILURE_MS = 5_000;
/** All figures of one look at the metrics come of one look at the tables. */
const FRESH_MS = 1_000;

/**
 * Steps of the comparison and of the scrub, one behind the other, beside the collection: whatever the object store does,
 * that goes on. Of any number of workers the one that has a task's lease works on it; when it is gone another one takes over.
 */
@Injectable()
export class ReconciliationLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ReconciliationLoop.name);
  private readonly holder = randomUUID();
  private readonly sleepers = new Set<() => void>();
  private running: Promise<unknown> = Promise.resolve();
  private stopped = false;
  private shown?: { at: number; state: Promise<ReconciliationState> };

  constructor(
    private readonly comparison: ObjectComparison,
    private readonly scrub: Scrub,
    private readonly store: ReconciliationStore,
    private readonly metrics: Metrics,
  ) {
    const gauge = (name: string, help: string, read: (state: ReconciliationState) => number) =>
      metrics.gauge(name, help, async () => read(await this.state()));
    gauge('berth_quarantined_blobs', 'Blobs whose object is not what their row says', (state) => state.quarantined);
    gauge('berth_suspected_blobs', 'Blobs that are looked at again for that', (state) => state.suspects);
    gauge(
      'berth_incomplete_manifests',
      'Manifests of which a blob has lost its row, found in this run or the last',
      (state) => taskOf(state, 'objects').incomplete,
    );
    gauge('berth_orphan_objects', 'Objects and uploads without a row, whatever their age', (state) => state.orphans);
    gauge('berth_reconciliation_held', 'Tasks that wait for an operator', heldTasks);
    gauge(
      'berth_reconciled_objects',
      'Objects compared in this run, or the last',
      (state) => taskOf(state, 'objects').objects,
    );
    gauge(
      'berth_reconciled_blobs',
      'Blobs compared in this run, or the last',
      (state) => taskOf(state, 'objects').blobs,
    );
    gauge(
      'berth_scrubbed_blobs',
      'Blobs hashed again in this run, or the last',
      (state) => taskOf(state, 'scrub').blobs,
    );
  }

  onApplicationBootstrap(): void {
    this.running = Promise.all([
      this.loop(() => this.comparison.step(this.holder)),
      this.loop(() => this.scrub.step(this.holder)),
    ]);
  }

  /** An operator has said that something may go on. In other processes that is noticed within seconds. */
  wake(): void {
    for (const wake of this.sleepers) wake();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
    // Another worker goes on at once; where the database is away, when the lease is over.
    await this.store.release(this.holder).catch(() => undefined);
  }

  private state(): Promise<ReconciliationState> {
    if (!this.shown || Date.now() - this.shown.at >= FRESH_MS)
      this.shown = { at: Date.now(), state: this.store.show() };
    return this.shown.state;
  }

  private async loop(step: () => Promise<number>): Promise<void> {
    while (!this.stopped) {
      const pause = await step().catch((error: unknown) => this.interrupted(error));
      if (!this.stopped) await this.sleep(pause);
    }
  }

  private interrupted(error: unknown): number {
    if (!(error instanceof ReconciliationLost)) {
      garbageErrors(this.metrics).inc({ kind: 'reconciliation' });
      this.logger.warn({ msg: 'reconciliation was interrupted, it goes on later', err: error });
    }
    return AFTER_FAILURE_MS;
  }

  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      this.sleepers.add(wake);
    });
  }
}

const taskOf = ({ tasks }: ReconciliationState, task: 'objects' | 'scrub') => tasks.find((one) => one.task === task)!;
const heldTasks = ({ tasks }: ReconciliationState): number => tasks.filter(({ held }) => held !== null).length;
