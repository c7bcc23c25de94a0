import type { RepositoryName } from '@berth/oci';
import { organisationOf } from '@berth/oci';
import type { Database } from './database.js';
import { validShare } from './share-validity.js';

/** All that decides what somebody may do with one repository name, read in one query. */
export interface AccessFacts {
  organisation: { ownedByAccount: boolean; /** 7, 3, 1, or null. */ permission: number | null } | null;
  repository: { isPublic: boolean; permission: number | null; sharedWithAccount: boolean } | null;
}

const FACTS = {
  name: 'access-facts',
  text: `SELECT o.id IS NOT NULL AS organisation_exists, o.account_id = $3 AS owned, op.auth AS organisation_auth,
      r.id IS NOT NULL AS repository_exists, r.is_public, rp.auth AS repository_auth,
      rs.repository_id IS NOT NULL AND ${validShare('rs')} AS shared
    FROM (SELECT 1) AS one
    LEFT JOIN manage.organisation o ON o.name = $1
    LEFT JOIN manage.organisation_permission op ON op.organisation_id = o.id AND op.user_id = $4
    LEFT JOIN registry.repository r ON r.path = $2
    LEFT JOIN manage.repository_permission rp ON rp.repository_id = r.id AND rp.user_id = $4
    LEFT JOIN manage.repository_share rs ON rs.repository_id = r.id AND rs.account_id = $3`,
};

interface FactsRow {
  organisation_exists: boolean;
  owned: boolean | null;
  organisation_auth: number | null;
  repository_exists: boolean;
  is_public: boolean | null;
  repository_auth: number | null;
  shared: boolean;
}

/** Reads what the access engine decides on. */
export class AccessFactsStore {
  constructor(private readonly database: Database) {}

  /** `accountId` and `userId` are null for anonymous. */
  async find(repository: RepositoryName, accountId: string | null, userId: string | null): Promise<AccessFacts> {
    return this.read(organisationOf(repository), repository, accountId, userId);
  }

  /** The same of an organisation alone. */
  async findOrganisation(name: string, accountId: string, userId: string): Promise<AccessFacts> {
    return this.read(name, null, accountId, userId);
  }

  private async read(
    organisation: string,
    repository: RepositoryName | null,
    accountId: string | null,
    userId: string | null,
  ): Promise<AccessFacts> {
    const [row] = await this.database.rows<FactsRow>(FACTS, [organisation, repository, accountId, userId]);
    return {
      organisation: row?.organisation_exists
        ? { ownedByAccount: row.owned ?? false, permission: row.organisation_auth }
        : null,
      repository: row?.repository_exists
        ? { isPublic: row.is_public ?? false, permission: row.repository_auth, sharedWithAccount: row.shared }
        : null,
    };
  }
}
