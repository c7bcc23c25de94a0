import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

/** Asks what an account may have at most. */
export class ListQuotasV1 {
  @IsId()
  accountId!: string;

  /** A project of the account. */
  @IsId()
  projectId!: string;
}

export interface QuotaV1 {
  /** `namespace` is of the account, `repository` of each organisation, `tag` of each repository. */
  key: 'namespace' | 'repository' | 'tag';
  /** Null: no limit. */
  limit: number | null;
  /** Of the account's quota only. */
  used?: number;
}

/** Those of repositories and tags where they are set. URL_UNKNOWN where the project is none of the account's. */
export const LIST_QUOTAS = defineRequest<ListQuotasV1, { quotas: QuotaV1[] }>('manage.quota.list.v1', ListQuotasV1);
