import { STAT_OBJECTS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type BlobObject, type Damage, ReconciliationStore } from '@berth/metadata';
import { Metrics, Settings } from '@berth/platform';
import { Injectable, Logger } from '@nestjs/common';
import type { Counter } from 'prom-client';

const BATCH = 100;

/**
 * Looks at blobs again whose object was missing or had another size. One answer is none: only what is found so again and
 * again, with time between, goes into quarantine; and a question without an answer counts for nothing.
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
      'Blobs put into quarantine: their object is `missing`, has another `size`, or its bytes have changed (`rot`)',
      ['reason'],
    );
  }

  /** Those of `blobs` whose object is missing now, or has another size. */
  async damaged(blobs: BlobObject[]): Promise<(BlobObject & { reason: Damage })[]> {
    const damaged: (BlobObject & { reason: Damage })[] = [];
    for (let start = 0; start < blobs.length; start += BATCH) {
      const batch = blobs.slice(start, start + BATCH);
      const { sizes } = await this.bus.request(STAT_OBJECTS, { objectKeys: batch.map((blob) => blob.objectKey) });
      batch.forEach((blob, n) => {
        const size = sizes[n] ?? null;
        if (size !== blob.size) damaged.push({ ...blob, reason: size === null ? 'missing' : 'size' });
      });
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
