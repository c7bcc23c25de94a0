import { CONFIRM_RECONCILIATION, type ReconciliationTaskV1, SHOW_RECONCILIATION } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { Injectable } from '@nestjs/common';
import { IsIn, IsString, Matches, MaxLength } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';
import { STORABLE } from './storable.js';

/** Blobs in quarantine that an answer names at most. */
const MOST_NAMED = 1_000;
/** Characters; what is shown is shorter. */
const LONGEST_QUESTION = 1_000;

class Confirmation {
  @IsIn(['objects', 'scrub'])
  task!: 'objects' | 'scrub';

  @IsString()
  @MaxLength(LONGEST_QUESTION)
  @Matches(STORABLE)
  held!: string;
}

/** `garbage/reconcile`: how far rows and objects are compared, what was found, and an operator's word to go on. */
@Injectable()
export class ReconciliationRoutes {
  constructor(private readonly bus: MessageBus) {}

  async show({ reply }: ManagementRequest): Promise<void> {
    const { tasks, suspects, quarantined, orphans, blobs } = await this.bus.request(SHOW_RECONCILIATION, {
      limit: MOST_NAMED,
    });
    await reply.send({
      tasks: tasks.map(shown),
      suspects,
      quarantined,
      orphans,
      blobs: blobs.map(({ digest, objectKey, size, reason, firstSeen, quarantinedAt, repositories }) => ({
        digest,
        object_key: objectKey,
        size,
        reason,
        first_seen: timeOf(firstSeen),
        quarantined_at: timeOf(quarantinedAt),
        repositories,
      })),
    });
  }

  /** Of one task, and for the reason that was shown: what is held by now for another is not meant. */
  async confirm({ body, reply }: ManagementRequest): Promise<void> {
    const { task, held } = bodyOf(Confirmation, body);
    await reply.send(await this.bus.request(CONFIRM_RECONCILIATION, { task, held }));
  }
}

const shown = ({ isActive, startedAt, finishedAt, ...task }: ReconciliationTaskV1) => ({
  ...task,
  active: isActive,
  started_at: timeOf(startedAt),
  finished_at: timeOf(finishedAt),
});

const timeOf = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
