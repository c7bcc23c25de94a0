import { HASH_OBJECT, type HashedObjectV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type BlobObject, type DamagedBlob, type ReconciliationProgress, ReconciliationStore } from '@berth/metadata';
import { digestAlgorithm, digestHex } from '@berth/oci';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { Brake } from './brake.js';
import { CANNOT_BE_READ, NOTHING_TO_DO_MS, untilDue } from './object-comparison.js';
import { LARGEST_PIECE, SuspectCheck } from './suspect-check.js';

const LEASE_SECONDS = 120;
const SMALLEST_PIECE = 64 * 1024;
/** So often an object may fail to be read, while the store answers, before the scrub goes on behind it. */
const TRIES = 3;
/** At most one run a day where the comparison has no rhythm. */
const DAY = 86_400;

/**
 * Lets every object be hashed again, in the order of the digests, so that the one that was hashed longest ago is next. Goes
 * on within an object, after a crash too. What hashes to something else is hashed once more before it is in quarantine.
 */
@Injectable()
export class Scrub {
  private readonly logger = new Logger(Scrub.name);
  private failing = { objectKey: '', tries: 0 };

  private readonly scrubbedBytes: Counter;

  constructor(
    private readonly store: ReconciliationStore,
    private readonly bus: MessageBus,
    private readonly suspects: SuspectCheck,
    private readonly brake: Brake,
    metrics: Metrics,
    private readonly settings: Settings,
  ) {
    this.scrubbedBytes = metrics.counter(
      'berth_scrubbed_bytes_total',
      'Bytes of stored objects that were hashed again',
    );
  }

  /** Hashes one piece; gives the milliseconds until the next one. */
  async step(holder: string): Promise<number> {
    if (this.settings.gcScrubBytesPerSecond === 0) return NOTHING_TO_DO_MS;
    const progress = await this.store.acquire('scrub', holder, LEASE_SECONDS);
    if (!progress || progress.held !== null) return NOTHING_TO_DO_MS;
    if (progress.phase === 'idle') return this.begin(progress, holder);
    const blob = await this.store.nextBlob(progress.position);
    if (blob) return this.hash(blob, progress, holder);
    await this.store.step('scrub', holder, { phase: 'idle', finished: true });
    const { blobs, bytes, quarantined, skipped } = progress;
    this.logger.log({ msg: 'every object was hashed', blobs, bytes, quarantined, skipped });
    return 0;
  }

  private async begin(progress: ReconciliationProgress, holder: string): Promise<number> {
    const every = this.settings.gcReconcileSeconds || DAY;
    if (progress.age !== null && progress.age < every) return untilDue(progress, every);
    await this.store.begin('scrub', holder, 'hashing');
    return 0;
  }

  private async hash(blob: BlobObject, progress: ReconciliationProgress, holder: string): Promise<number> {
    const rate = this.settings.gcScrubBytesPerSecond;
    const { digest, objectKey, size } = blob;
    const algorithm = digestAlgorithm(digest);
    const goesOn = progress.hashedKey === objectKey && progress.hashState !== null;
    const offset = goesOn ? progress.hashedBytes : 0;
    const length = Math.min(LARGEST_PIECE, Math.max(SMALLEST_PIECE, rate));
    const state = goesOn ? { state: progress.hashState!.toString('base64') } : {};
    const began = performance.now();
    let answer: HashedObjectV1;
    try {
      answer = await this.bus.request(HASH_OBJECT, { objectKey, algorithm, size, offset, length, ...state });
    } catch (error) {
      return this.failed(blob, holder, error);
    }
    const bytes = 'hex' in answer || 'state' in answer ? Math.min(length, size - offset) : 0;
    this.scrubbedBytes.inc(bytes);
    if ('found' in answer && answer.found === 'unreadable') return this.judgeUnreadable(blob, offset, progress, holder);
    if ('restart' in answer) await this.store.step('scrub', holder, {});
    else if ('found' in answer) {
      await this.store.suspect(holder, [{ ...blob, reason: answer.found }], { position: digest, blobs: 1 });
    } else if ('state' in answer) {
      const hashed = { key: objectKey, bytes: offset + bytes, state: Buffer.from(answer.state, 'base64') };
      await this.store.step('scrub', holder, { bytes, hashed });
    } else if (answer.hex === digestHex(digest)) {
      const wasInQuarantine = await this.store.clear(holder, blob, { position: digest, blobs: 1, bytes });
      if (wasInQuarantine) this.logger.log({ msg: 'blob is right again', digest, objectKey });
    } else {
      await this.judgeRot(blob, progress, holder, bytes);
    }
    return Math.max(0, (bytes / rate) * 1000 - (performance.now() - began));
  }

  /** Forgets the hash first: the second one is of all bytes again. */
  private async judgeRot(
    blob: BlobObject,
    progress: ReconciliationProgress,
    holder: string,
    bytes: number,
  ): Promise<void> {
    const { quarantined, blobs } = progress;
    if (this.brake.isTooMuch(quarantined + 1, blobs) && !progress.confirmed.includes('rot')) {
      return this.hold(holder, `${quarantined + 1} of ${blobs} objects hash to something else than they did`);
    }
    const verdict = await this.store.rotten(holder, blob, { bytes });
    if (verdict === 'suspected') return;
    if (verdict === 'quarantined') this.suspects.report({ ...blob, reason: 'rot' });
    const found = verdict === 'quarantined' ? 1 : 0;
    await this.store.step('scrub', holder, { position: blob.digest, blobs: 1, quarantined: found });
  }

  /**
   * The store answers, and has failed at these bytes again and again. Where it reads others, the object is suspected, and
   * looked at again before that is believed; where it reads none, that says nothing. Either way the scrub goes on behind it.
   */
  private async judgeUnreadable(
    blob: BlobObject,
    offset: number,
    progress: ReconciliationProgress,
    holder: string,
  ): Promise<number> {
    if (this.triesOf(blob) < TRIES) return NOTHING_TO_DO_MS;
    const { digest, objectKey } = blob;
    const { holes, blobs } = progress;
    const damaged: DamagedBlob[] = [];
    if (await this.suspects.canReadOthers(blob)) {
      if (this.brake.isTooMuch(holes + 1, blobs) && !progress.confirmed.includes('rot')) {
        await this.hold(holder, `the bytes of ${holes + 1} of ${blobs} objects cannot be read`);
        return NOTHING_TO_DO_MS;
      }
      damaged.push({ ...blob, reason: 'unreadable', unreadableFrom: offset });
    }
    this.logger.error({ msg: CANNOT_BE_READ, digest, objectKey, offset });
    await this.store.suspect(holder, damaged, { position: digest, blobs: 1, skipped: 1 });
    return 0;
  }

  private async hold(holder: string, reason: string): Promise<void> {
    await this.store.hold('scrub', holder, 'rot', reason);
    this.logger.error({ msg: 'stopped until an operator confirms (berth gc confirm scrub)', reason });
  }

  /** How often the object has failed by now, one time behind the other. */
  private triesOf({ objectKey }: BlobObject): number {
    const tries = this.failing.objectKey === objectKey ? this.failing.tries + 1 : 1;
    this.failing = { objectKey, tries };
    return tries;
  }

  /**
   * An object that cannot be asked for does not stop the others; a store that does not answer does. Where even its size cannot
   * be read it is suspected.
   */
  private async failed(blob: BlobObject, holder: string, error: unknown): Promise<number> {
    const { digest, objectKey } = blob;
    if (this.triesOf(blob) < TRIES) throw error;
    const damaged = await this.suspects.damaged([blob]);
    this.logger.error({ msg: CANNOT_BE_READ, digest, objectKey, err: error });
    await this.store.suspect(holder, damaged, { position: digest, blobs: 1, skipped: 1 });
    return 0;
  }
}
