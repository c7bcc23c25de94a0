import {
  CONFIRM_RECONCILIATION,
  ConfirmReconciliationV1,
  type ReconciliationTaskV1,
  type ReconciliationV1,
  SHOW_RECONCILIATION,
  ShowReconciliationV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { type ReconciliationProgress, ReconciliationStore, type ReconciliationTask } from '@berth/metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ReconciliationLoop } from './reconciliation-loop.js';

/** What operators see of the comparison and the scrub, and what they say to it. */
@Controller()
export class ReconciliationController {
  constructor(
    private readonly store: ReconciliationStore,
    private readonly loop: ReconciliationLoop,
  ) {}

  @Answers(SHOW_RECONCILIATION)
  async show(@Payload() { limit }: ShowReconciliationV1): Promise<ReconciliationV1> {
    const { tasks, ...counts } = await this.store.show();
    const blobs = await this.store.quarantined(limit);
    return {
      ...counts,
      tasks: tasks.map(shown),
      blobs: blobs.map(({ firstSeen, quarantinedAt, ...blob }) => ({
        ...blob,
        firstSeen: firstSeen.getTime(),
        quarantinedAt: quarantinedAt.getTime(),
      })),
    };
  }

  @Answers(CONFIRM_RECONCILIATION)
  async confirm(@Payload() { task, held }: ConfirmReconciliationV1): Promise<{ tasks: ReconciliationTask[] }> {
    const tasks = (await this.store.confirm(task, held)) ? [task] : [];
    this.loop.wake();
    return { tasks };
  }
}

const shown = (progress: ReconciliationProgress): ReconciliationTaskV1 => ({
  task: progress.task,
  phase: progress.phase,
  position: progress.position,
  isActive: progress.isActive,
  held: progress.held,
  startedAt: progress.startedAt?.getTime() ?? null,
  finishedAt: progress.finishedAt?.getTime() ?? null,
  objects: progress.objects,
  blobs: progress.blobs,
  bytes: progress.bytes,
  others: progress.others,
  orphans: progress.orphans,
  holes: progress.holes,
  incomplete: progress.incomplete,
  removed: progress.removed,
  quarantined: progress.quarantined,
  skipped: progress.skipped,
});
