import { LONGEST_OBJECT_KEY, type ObjectSizesV1, STAT_OBJECTS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type BlobObject, type Damage, ReconciliationStore } from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';

const BATCH = 100;

export type DamagedBlob = BlobObject & { reason: Damage };

/**
 * Looks at blobs again whose object was missing, had another size or could not be read while the store answered. One answer
 * is none: only what is found so again and again, with time between, goes into quarantine; and a question without an answer
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
  async run(): Promise<number> {
    const seconds = this.settings.gcAbsenceSeconds;
    const due = await this.store.dueSuspects(seconds, BATCH);
    const damaged = new Map((await this.damaged(due)).map((blob) => [blob.digest, blob]));
    let quarantined = 0;
    for (const blob of due) {
      const found = damaged.get(blob.digest);
      if (!found) await this.store.clear(blob.digest);
      else if (await this.store.seenAgain(found, found.reason, { needed: this.settings.gcAbsenceChecks, seconds })) {
        this.report(found);
        quarantined++;
      }
    }
    return quarantined;
  }

  report({ digest, objectKey, size, reason }: DamagedBlob): void {
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
