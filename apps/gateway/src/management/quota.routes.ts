import { LIST_QUOTAS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { parseWireId, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { ManagementRequest } from './management-request.js';

/** What clients read where there is no limit. */
const UNLIMITED = -1;

/** `projects/{project}/quotas`: what an account may have at most. */
@Injectable()
export class QuotaRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ actor, reply }: ManagementRequest, { project }: { project: string }): Promise<void> {
    const projectId = parseWireId(project);
    if (projectId === null) throw new SwrError('URL_UNKNOWN', 'there is no such project');
    const { quotas } = await this.bus.request(LIST_QUOTAS, { accountId: actor.accountId, projectId });
    await reply.send({
      quotas: quotas.map(({ key, limit, used }) => ({
        quota_key: key,
        quota_limit: limit ?? UNLIMITED,
        ...(used !== undefined && { used }),
        unit: '',
      })),
    });
  }
}
