import type { RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import { validShare } from './share-validity.js';

/** What a share says: until which day, in UTC (null: for ever), and why. */
export interface ShareTerms {
  deadline: Date | null;
  description: string;
}

export interface RepositoryShare extends ShareTerms {
  accountName: string;
  /** Null where the user who made it is gone. */
  creatorId: string | null;
  creatorName: string | null;
  createdAt: Date;
  updatedAt: Date;
  /** Its last day is not over. */
  isValid: boolean;
}

export type AddShareOutcome =
  'added' | 'repository-unknown' | 'account-unknown' | 'own-account' | 'exists' | 'limit-reached';

const LOCK = {
  name: 'repository-share-lock',
  text: `SELECT r.id, o.account_id FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id
         WHERE r.path = $1 FOR NO KEY UPDATE OF r`,
};
const ACCOUNT = {
  name: 'repository-share-account',
  text: `SELECT id FROM auth.account WHERE name = $1 FOR KEY SHARE`,
};
const ADD = {
  name: 'repository-share-add',
  text: `INSERT INTO manage.repository_share (repository_id, account_id, deadline, description, creator_id)
         SELECT $1::bigint, $2::uuid, $3::timestamptz, $4::text, (SELECT id FROM auth."user" WHERE id = $5 FOR KEY SHARE)
         WHERE (SELECT count(*) FROM (SELECT FROM manage.repository_share WHERE repository_id = $1 LIMIT $6) AS held) < $6 AND audit.by($7)
         ON CONFLICT DO NOTHING RETURNING account_id`,
  audited: true as const,
};
const HELD = {
  name: 'repository-share-held',
  text: `SELECT FROM manage.repository_share WHERE repository_id = $1 AND account_id = $2`,
};
const OF_BOTH = 'r.path = $1 AND a.name = $2 AND s.repository_id = r.id AND s.account_id = a.id';
const UPDATE = {
  name: 'repository-share-update',
  text: `UPDATE manage.repository_share s SET deadline = $3, description = $4, updated_at = now()
         FROM registry.repository r, auth.account a WHERE ${OF_BOTH} AND audit.by($5) RETURNING s.account_id`,
  audited: true as const,
};
const REMOVE = {
  name: 'repository-share-remove',
  text: `DELETE FROM manage.repository_share s USING registry.repository r, auth.account a WHERE ${OF_BOTH} AND audit.by($3) RETURNING s.account_id`,
  audited: true as const,
};
const SHOWN = `SELECT a.name AS "accountName", s.deadline, s.description, s.creator_id AS "creatorId", u.name AS "creatorName",
    s.created_at AS "createdAt", s.updated_at AS "updatedAt", ${validShare('s')} AS "isValid"
  FROM registry.repository r JOIN manage.repository_share s ON s.repository_id = r.id
  JOIN auth.account a ON a.id = s.account_id LEFT JOIN auth."user" u ON u.id = s.creator_id WHERE r.path = $1`;
const FIND = { name: 'repository-share-find', text: `${SHOWN} AND a.name = $2` };
const LIST = {
  name: 'repository-share-list',
  text: `${SHOWN} AND a.name COLLATE "C" > $2 ORDER BY a.name COLLATE "C" LIMIT $3`,
};

/** With which other accounts a repository is shared, for them to read. Written by manage. */
export class RepositoryShareStore {
  constructor(private readonly database: Database) {}

  /** The repository's row is locked meanwhile, so that two cannot pass `limit` together. */
  async add(
    repository: RepositoryName,
    accountName: string,
    { deadline, description }: ShareTerms,
    creatorId: string,
    limit: number,
  ): Promise<AddShareOutcome> {
    return this.database.transaction(async (rows) => {
      const [shared] = await rows<{ id: string; account_id: string }>(LOCK, [repository]);
      if (!shared) return 'repository-unknown';
      const [account] = await rows<{ id: string }>(ACCOUNT, [accountName]);
      if (!account) return 'account-unknown';
      if (account.id === shared.account_id) return 'own-account';
      const added = await rows(ADD, [shared.id, account.id, deadline, description, creatorId, limit]);
      if (added.length > 0) return 'added';
      return (await rows(HELD, [shared.id, account.id])).length > 0 ? 'exists' : 'limit-reached';
    });
  }

  /** False where it is not shared with the account. */
  async update(
    repository: RepositoryName,
    accountName: string,
    { deadline, description }: ShareTerms,
  ): Promise<boolean> {
    return (await this.database.rows(UPDATE, [repository, accountName, deadline, description])).length > 0;
  }

  /** False where it is not shared with the account. */
  async remove(repository: RepositoryName, accountName: string): Promise<boolean> {
    return (await this.database.rows(REMOVE, [repository, accountName])).length > 0;
  }

  /** Null where it is not shared with the account. */
  async find(repository: RepositoryName, accountName: string): Promise<RepositoryShare | null> {
    const [found] = await this.database.rows<RepositoryShare>(FIND, [repository, accountName]);
    return found ?? null;
  }

  /** Up to `limit` behind the account `after` (exclusive), by its name in ASCII order; those that are over too. */
  async list(repository: RepositoryName, after: string, limit: number): Promise<RepositoryShare[]> {
    return this.database.rows<RepositoryShare>(LIST, [repository, after, limit]);
  }
}
