import { GarbageStore, type Queue, type QueueBacklog } from '@berth/metadata';
import { Metrics } from '@berth/platform';
import { Injectable } from '@nestjs/common';

const LENGTHS: [Queue, string, string][] = [
  ['policies', 'berth_garbage_due_policies', 'Changed policies whose manifests are being queued'],
  ['subjects', 'berth_garbage_due_subjects', 'Manifests that went whose many referrers are being queued'],
  ['manifests', 'berth_garbage_due_manifests', 'Manifests whose review is due'],
  ['links', 'berth_garbage_due_links', 'Links whose review is due'],
  ['objects', 'berth_garbage_due_objects', 'Objects whose deletion is due'],
];
const AGES: [Queue, string, string][] = [
  [
    'policies',
    'berth_garbage_oldest_policy_seconds',
    'For how long the oldest changed policy has waited, or been worked on, since it was changed last',
  ],
  [
    'subjects',
    'berth_garbage_oldest_subject_seconds',
    'For how long the oldest manifest that went has waited, or been worked on',
  ],
  ['manifests', 'berth_garbage_oldest_manifest_seconds', 'For how long the oldest manifest has been due'],
  ['links', 'berth_garbage_oldest_link_seconds', 'For how long the oldest link has been due'],
  ['objects', 'berth_garbage_oldest_object_seconds', 'For how long the oldest deletion of an object has been due'],
];
/** Both figures of a queue come of one look at it. */
const FRESH_MS = 1_000;

/** How much is due. Each figure is of 10,000 entries at most, so that asking costs little however much there is. */
@Injectable()
export class GarbageMetrics {
  private readonly looked = new Map<Queue, { at: number; backlog: Promise<QueueBacklog> }>();

  constructor(
    private readonly garbage: GarbageStore,
    metrics: Metrics,
  ) {
    for (const [queue, name, help] of LENGTHS) {
      metrics.gauge(name, help, async () => (await this.backlog(queue)).length);
    }
    for (const [queue, name, help] of AGES) {
      metrics.gauge(name, help, async () => (await this.backlog(queue)).oldestSeconds);
    }
  }

  private backlog(queue: Queue): Promise<QueueBacklog> {
    const known = this.looked.get(queue);
    if (known && Date.now() - known.at < FRESH_MS) return known.backlog;
    const backlog = this.garbage.backlog(queue);
    this.looked.set(queue, { at: Date.now(), backlog });
    return backlog;
  }
}
