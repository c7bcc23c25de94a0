import { ABORT_OBJECTS, LIST_OBJECTS, LONGEST_OBJECT_KEY } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import {
  type ObjectRange,
  type ReconciliationProgress,
  type ReconciliationQuestion,
  ReconciliationStore,
} from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { GarbageCollector } from '../garbage-collector.js';
import { Brake } from './brake.js';
import { SuspectCheck } from './suspect-check.js';

const PAGE = 1_000;
const REMOVED_AT_ONCE = 500;
const ABORTED_AT_ONCE = 100;
/** So late it is noticed at most that another process has said or found something. */
export const NOTHING_TO_DO_MS = 5_000;
const MANIFESTS = 500;
const STRAYS_AT_ONCE = 1_000;
/** Of a run; the count says how many there are. */
const MOST_NAMED = 100;
const LEASE_SECONDS = 300;
export const CANNOT_BE_READ = 'object cannot be read: look at the disk that it is on';

/**
 * Rows and objects, both ways, in runs: objects are listed page by page and compared with the rows of the same keys, then
 * uploads that the store keeps beside them; manifests are looked through for blobs that have lost their rows; what was missing is looked for again until that is judged; and what no row
 * knows, and is old enough, is queued for deletion. A step does one page, and writes what it found and how far it is in
 * one transaction: any worker goes on behind it.
 */
@Injectable()
export class ObjectComparison {
  private readonly logger = new Logger(ObjectComparison.name);

  private readonly orphansRemoved: Counter;

  constructor(
    private readonly store: ReconciliationStore,
    private readonly bus: MessageBus,
    private readonly suspects: SuspectCheck,
    private readonly brake: Brake,
    private readonly collector: GarbageCollector,
    metrics: Metrics,
    private readonly settings: Settings,
  ) {
    this.orphansRemoved = metrics.counter(
      'berth_orphans_removed_total',
      'Objects without a row that were queued for deletion, and uploads that were removed, whose bytes nobody counts',
    );
  }

  /** Does one step; gives the milliseconds until the next one. */
  async step(holder: string): Promise<number> {
    const every = this.settings.gcReconcileSeconds;
    if (every === 0) return NOTHING_TO_DO_MS;
    const progress = await this.store.acquire('objects', holder, LEASE_SECONDS);
    if (!progress) return NOTHING_TO_DO_MS;
    const isDue = progress.age === null || progress.age >= every;
    if (isDue && (progress.phase === 'idle' || progress.held !== null)) {
      await this.store.begin('objects', holder, 'listing');
      return 0;
    }
    if (progress.held !== null) return untilDue(progress, every);
    switch (progress.phase) {
      case 'listing':
        return this.compareObjects(progress, holder);
      case 'uploads':
        return this.noteUploads(progress, holder);
      case 'references':
        return this.checkManifests(progress, holder);
      case 'removing':
        return this.remove(progress, holder);
      default:
        return this.check(progress, holder);
    }
  }

  private async compareObjects(progress: ReconciliationProgress, holder: string): Promise<number> {
    const { listed, others } = await this.list(progress.position, false);
    const { range, blobs, holes } = await this.store.compare(listed);
    const damaged = await this.suspects.damaged(holes);
    const total = progress.blobs + blobs;
    const unreadable = damaged.filter(({ reason }) => reason === 'unreadable');
    const missing = progress.holes + progress.skipped + damaged.length;
    const isEnd = range.last === null;
    const isTooMuch = isEnd ? this.brake.isTooMuchMissing(missing, total) : this.brake.isTooMuch(missing, total);
    if (isTooMuch && !progress.confirmed.includes('missing')) {
      return this.hold(holder, 'missing', lacking(missing, total));
    }
    await this.store.recordRange(holder, range, damaged, {
      ...(isEnd ? { phase: 'uploads', position: '' } : { position: range.last! }),
      objects: range.objects.length,
      blobs,
      bytes: range.objects.reduce((sum, object) => sum + object.size, 0),
      others,
      holes: damaged.length - unreadable.length,
      skipped: unreadable.length,
    });
    for (const { digest, objectKey } of unreadable.slice(0, Math.max(0, MOST_NAMED - progress.skipped))) {
      this.logger.error({ msg: CANNOT_BE_READ, digest, objectKey });
    }
    return 0;
  }

  private async noteUploads({ position }: ReconciliationProgress, holder: string): Promise<number> {
    const { listed } = await this.list(position, true);
    const { last } = listed;
    await this.store.recordUploads(
      holder,
      listed,
      last === null ? { phase: 'references', position: '' } : { position: last },
    );
    return 0;
  }

  private async checkManifests(progress: ReconciliationProgress, holder: string): Promise<number> {
    const { last, incomplete } = await this.store.incompleteManifests(progress.position, MANIFESTS);
    await this.store.step('objects', holder, {
      ...(last === null ? { phase: 'checking', position: '' } : { position: last }),
      incomplete: incomplete.length,
    });
    for (const manifest of incomplete.slice(0, Math.max(0, MOST_NAMED - progress.incomplete))) {
      this.logger.error({ msg: 'manifest lacks a blob: push the image again, or delete the manifest', ...manifest });
    }
    return 0;
  }

  /** In a run and behind it: the scrub may find that something is missing too. */
  private async check(progress: ReconciliationProgress, holder: string): Promise<number> {
    while (await this.store.forgetStrays(STRAYS_AT_ONCE));
    const pending = await this.store.pendingSuspects();
    if (pending > 0) {
      if (this.brake.isTooMuchMissing(pending, progress.blobs) && !progress.confirmed.includes('missing')) {
        return this.hold(holder, 'missing', lacking(pending, progress.blobs));
      }
      const quarantined = await this.suspects.run(holder);
      if (quarantined > 0) await this.store.step('objects', holder, { quarantined });
      return Math.min(NOTHING_TO_DO_MS, this.settings.gcAbsenceSeconds * 1000);
    }
    if (progress.phase === 'idle') return untilDue(progress, this.settings.gcReconcileSeconds);
    const due = await this.store.dueOrphans(this.settings.gcOrphanSeconds);
    const isConfirmed = progress.confirmed.includes('orphans');
    const orphans = isConfirmed ? Math.min(due, progress.orphans) : due;
    if (this.brake.isTooMuch(orphans, progress.objects) && !isConfirmed) {
      await this.store.step('objects', holder, { orphans });
      return this.hold(
        holder,
        'orphans',
        `${orphans} of ${progress.objects} objects are in no row and would be removed`,
      );
    }
    await this.store.step('objects', holder, { phase: 'removing', orphans });
    return 0;
  }

  /** No more than what was judged, or confirmed: what has become due since is for the next run. */
  private async remove(progress: ReconciliationProgress, holder: string): Promise<number> {
    const age = this.settings.gcOrphanSeconds;
    const left = Math.max(0, progress.orphans - progress.removed);
    const queued = await this.store.queueOrphans(holder, age, Math.min(REMOVED_AT_ONCE, left));
    if (queued > 0) this.collector.wake();
    const removed = queued + (await this.abortUploads(holder, Math.min(ABORTED_AT_ONCE, left - queued)));
    this.orphansRemoved.inc(removed);
    if (removed > 0) return 0;
    await this.store.step('objects', holder, { phase: 'idle', finished: true });
    const { objects, blobs, holes, incomplete, removed: before } = progress;
    this.logger.log({ msg: 'rows and objects were compared', objects, blobs, holes, incomplete, removed: before });
    return 0;
  }

  private async abortUploads(holder: string, limit: number): Promise<number> {
    const due = await this.store.dueUploads(this.settings.gcOrphanSeconds, limit);
    if (due.length === 0) return 0;
    const { failed } = await this.bus.request(ABORT_OBJECTS, { objectKeys: due });
    for (const { objectKey, reason } of failed) {
      this.logger.warn({ msg: 'upload not aborted, it is tried again when it is as old again', objectKey, reason });
    }
    const kept = new Set(failed.map((failure) => failure.objectKey));
    const gone = due.filter((key) => !kept.has(key));
    await this.store.forgetUploads(holder, gone, [...kept]);
    return gone.length;
  }

  private async list(after: string, hidden: boolean): Promise<{ listed: ObjectRange; others: number }> {
    const { objects, isEnd } = await this.bus.request(LIST_OBJECTS, {
      after: after.slice(0, LONGEST_OBJECT_KEY),
      limit: PAGE,
      hidden,
    });
    const ours = objects.filter(({ isOurs }) => isOurs);
    const listed = {
      after,
      last: isEnd ? null : objects.at(-1)!.key,
      objects: ours.map(({ key, size, modified }) => ({ key, size, modifiedAt: new Date(modified) })),
    };
    return { listed, others: objects.length - ours.length };
  }

  private async hold(holder: string, question: ReconciliationQuestion, reason: string): Promise<number> {
    await this.store.hold('objects', holder, question, reason);
    this.logger.error({ msg: 'stopped until an operator confirms (berth gc confirm objects)', reason });
    return 0;
  }
}

const lacking = (count: number, total: number): string =>
  `${count} of ${total} blobs have no object, or none that can be read: is this the right bucket or folder?`;

/** Milliseconds until a run is due again that begins every so many seconds. */
export const untilDue = ({ age }: ReconciliationProgress, everySeconds: number): number =>
  Math.min(NOTHING_TO_DO_MS, Math.max(0, everySeconds - (age ?? 0)) * 1000);
