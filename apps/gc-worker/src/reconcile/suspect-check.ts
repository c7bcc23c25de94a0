import {
  HASH_OBJECT,
  type HashedObjectV1,
  LONGEST_OBJECT_KEY,
  type ObjectSizesV1,
  STAT_OBJECTS,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type BlobObject, type Damage, type DamagedBlob, ReconciliationStore, type Suspect } from '@berth/metadata';
import { digestAlgorithm } from '@berth/oci';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';

const BATCH = 100;
/** Of one look: the others are next. */
const READ_AT_ONCE = 4;
/** What the scrub hashes at once at most: from where it failed, a read comes to the same bytes. */
export const LARGEST_PIECE = 16 * 1024 * 1024;
/** So many other objects are tried before nothing can be read, and so much of each. */
const WITNESSES = 3;
const WITNESS_BYTES = 64 * 1024;

/**
 * Looks at blobs again whose object was missing, had another size or could not be read while the store answered, be it
 * only its bytes. One answer is none: only what is found so again and again, with time between, goes into quarantine; and a question without an answer
 * counts for nothing.
 */
@Injectable()
export class SuspectCheck {
  private readonly logger = new Logger(SuspectCheck.name);

  private readonly damagedBlobs: Counter<'reason'>;

  constructor(
    private readonly store: ReconciliationStore,
    private readonly bus: MessageBus,
    metrics: Metrics,
    private readonly settings: Settings,
  ) {
    this.damagedBlobs = metrics.counter(
      'berth_damaged_blobs_total',
      'Blobs put into quarantine: their object is `missing`, has another `size`, is `unreadable`, or its bytes have changed (`rot`)',
      ['reason'],
    );
  }

  /** Those of `blobs` whose object is missing now, has another size or cannot be read. */
  async damaged(blobs: BlobObject[]): Promise<DamagedBlob[]> {
    const damaged: DamagedBlob[] = [];
    for (let start = 0; start < blobs.length; start += BATCH) {
      const batch = blobs.slice(start, start + BATCH);
      const asked = batch.filter(({ objectKey }) => objectKey.length <= LONGEST_OBJECT_KEY);
      const { sizes } = await this.bus.request(STAT_OBJECTS, { objectKeys: asked.map((blob) => blob.objectKey) });
      const found = new Map(asked.map(({ digest }, n) => [digest, sizes[n] ?? null]));
      for (const blob of batch) {
        const answer = found.get(blob.digest);
        // A key that is too long to be one is not asked for.
        const size = answer === undefined ? 'unreadable' : answer;
        if (size !== blob.size) damaged.push({ ...blob, reason: reasonOf(size) });
      }
    }
    return damaged;
  }

  /** Looks at those that are due; gives how many of them went into quarantine. */
  async run(holder: string): Promise<number> {
    const seconds = this.settings.gcAbsenceSeconds;
    const due = await this.store.dueSuspects(seconds, BATCH);
    const damaged = new Map((await this.damaged(due)).map((blob) => [blob.digest, blob]));
    let [quarantined, reads] = [0, 0];
    for (const blob of due) {
      const isRead = blob.unreadableFrom !== null && !damaged.has(blob.digest);
      if (isRead && ++reads > READ_AT_ONCE) continue;
      const found = isRead ? await this.readAgain(blob, blob.unreadableFrom!) : damaged.get(blob.digest);
      if (!found) await this.store.acquit(holder, blob);
      else if (await this.store.seenAgain(holder, found, { needed: this.settings.gcAbsenceChecks, seconds })) {
        this.report(found);
        quarantined++;
      }
    }
    return quarantined;
  }

  /**
   * Whether the store reads at all: another object's bytes. Where it reads none, or there is none, it says nothing about one
   * that it does not read.
   */
  async canReadOthers({ digest }: BlobObject): Promise<boolean> {
    for (const witness of await this.store.witnesses(digest, WITNESSES)) {
      const answer = await this.read(witness, 0, WITNESS_BYTES).catch(() => null);
      if (answer && !('found' in answer)) return true;
    }
    return false;
  }

  /** What is wrong with the object now, of whose bytes those behind `start` could not be read; null: nothing that is certain. */
  private async readAgain(suspect: Suspect, start: number): Promise<DamagedBlob | null> {
    const answer = await this.read(suspect, start, LARGEST_PIECE);
    if (!('found' in answer)) return null;
    const { digest, objectKey, size } = suspect;
    const found = { digest, objectKey, size, reason: answer.found };
    if (answer.found !== 'unreadable') return found;
    return (await this.canReadOthers(suspect)) ? { ...found, unreadableFrom: start } : null;
  }

  private read({ digest, objectKey, size }: BlobObject, offset: number, length: number): Promise<HashedObjectV1> {
    return this.bus.request(HASH_OBJECT, { objectKey, algorithm: digestAlgorithm(digest), size, offset, length });
  }

  report({ digest, objectKey, size, reason }: BlobObject & { reason: Damage }): void {
    this.damagedBlobs.inc({ reason });
    this.logger.error({
      msg: 'blob in quarantine: push it again, or bring its object back',
      digest,
      objectKey,
      size,
      reason,
    });
  }
}

function reasonOf(size: ObjectSizesV1['sizes'][number]): Damage {
  if (size === null) return 'missing';
  return size === 'unreadable' ? 'unreadable' : 'size';
}
