import type { Database } from './database.js';

/** How much of something an account may have, and has. */
export interface QuotaUse {
  /** Null: no limit. */
  limit: number | null;
  used: number;
}

const OF_ORGANISATIONS = {
  name: 'quota-of-organisations',
  text: `SELECT a.organisation_quota AS "limit",
           (SELECT count(*) FROM manage.organisation o WHERE o.account_id = a.id)::int AS used
         FROM auth.project p JOIN auth.account a ON a.id = p.account_id WHERE p.id = $1 AND p.account_id = $2`,
};

/** What accounts may have at most. */
export class QuotaStore {
  constructor(private readonly database: Database) {}

  /** Of the account's organisations; null where the project is none of the account's. */
  async ofOrganisations(projectId: string, accountId: string): Promise<QuotaUse | null> {
    const [found] = await this.database.rows<QuotaUse>(OF_ORGANISATIONS, [projectId, accountId]);
    return found ?? null;
  }
}
