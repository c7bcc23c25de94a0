import type { ListQuotasV1, QuotaV1 } from '@berth/contracts';
import { QuotaStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';

/** What an account may have at most. */
@Injectable()
export class Quotas {
  constructor(
    private readonly quotas: QuotaStore,
    private readonly settings: Settings,
  ) {}

  async list({ accountId, projectId }: ListQuotasV1): Promise<{ quotas: QuotaV1[] }> {
    const organisations = await this.quotas.ofOrganisations(projectId, accountId);
    if (!organisations) throw new SwrError('URL_UNKNOWN', 'there is no such project');
    const { repositoryQuota, tagQuota } = this.settings;
    return {
      quotas: [
        { key: 'namespace', ...organisations },
        ...(repositoryQuota > 0 ? [{ key: 'repository' as const, limit: repositoryQuota }] : []),
        ...(tagQuota > 0 ? [{ key: 'tag' as const, limit: tagQuota }] : []),
      ],
    };
  }
}
