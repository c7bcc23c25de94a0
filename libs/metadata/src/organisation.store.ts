import { type Database, isForeignKeyViolation } from './database.js';

export type EnsureOutcome = { organisationId: string } | 'quota-reached' | 'creator-unknown' | 'taken';

export type CreateOrganisationOutcome = { organisationId: string } | 'quota-reached' | 'creator-unknown' | 'exists';

export interface OrganisationRow {
  id: string;
  name: string;
  accountId: string;
  /** The name of the user who made it. */
  creatorName: string;
}

/** An organisation in a user's list, with what the user may do there: 7, 3, 1, or 0 where only repositories are granted. */
export interface VisibleOrganisation extends OrganisationRow {
  auth: 7 | 3 | 1 | 0;
}

/** How much there is of an organisation. */
export interface OrganisationCounts {
  id: string;
  /** With a permission in it. */
  users: number;
  tags: number;
}

/** Whose list it is. */
export interface Viewer {
  userId: string;
  accountId: string;
  isAdministrator: boolean;
}

const FIND = { name: 'organisation-find', text: `SELECT id FROM manage.organisation WHERE name = $1` };
const COLUMNS = `o.id, o.name, o.account_id AS "accountId", u.name AS "creatorName"`;
const SHOW = {
  name: 'organisation-show',
  text: `SELECT ${COLUMNS} FROM manage.organisation o JOIN auth."user" u ON u.id = o.creator_id WHERE o.name = $1`,
};
/** The user that is named; without one the first administrator of the operators' account. */
const CREATOR = {
  name: 'organisation-creator',
  text: `SELECT id, account_id FROM auth."user" WHERE id = coalesce($1::uuid,
           (SELECT id FROM auth."user" WHERE is_administrator AND disabled_at IS NULL
              AND account_id = (SELECT id FROM auth.account WHERE is_operator)
            ORDER BY created_at, id LIMIT 1))`,
};
const LOCK_ACCOUNT = {
  name: 'organisation-lock-account',
  text: `SELECT organisation_quota FROM auth.account WHERE id = $1 FOR UPDATE`,
};
const CREATE = {
  name: 'organisation-create',
  text: `INSERT INTO manage.organisation (name, account_id, creator_id) SELECT $1, $2, $3
         WHERE (SELECT count(*) FROM (SELECT FROM manage.organisation WHERE account_id = $2 LIMIT $4) AS owned) < $4 AND audit.by($5)
         ON CONFLICT (name) DO NOTHING RETURNING id`,
  audited: true as const,
};
const REMOVE = {
  name: 'organisation-remove',
  text: `DELETE FROM manage.organisation WHERE name = $1 AND audit.by($2) RETURNING id`,
  audited: true as const,
};
/** An administrator sees all of the account's; others what they have a permission for, and with $4 what they have one in. */
const LIST = {
  name: 'organisation-list',
  text: `SELECT ${COLUMNS}, CASE WHEN $3 AND o.account_id = $2 THEN 7 ELSE coalesce(op.auth, 0) END::int AS auth
         FROM (SELECT id FROM manage.organisation WHERE $3 AND account_id = $2
               UNION SELECT organisation_id FROM manage.organisation_permission WHERE user_id = $1
               UNION SELECT r.organisation_id FROM manage.repository_permission rp
                 JOIN registry.repository r ON r.id = rp.repository_id WHERE $4 AND rp.user_id = $1) AS visible
         JOIN manage.organisation o ON o.id = visible.id AND ($5::text IS NULL OR o.name = $5)
         JOIN auth."user" u ON u.id = o.creator_id
         LEFT JOIN manage.organisation_permission op ON op.organisation_id = o.id AND op.user_id = $1
         ORDER BY o.name COLLATE "C" LIMIT $6`,
};
const COUNTS = {
  name: 'organisation-counts',
  text: `SELECT o.id, (SELECT count(*)::int FROM manage.organisation_permission p WHERE p.organisation_id = o.id) AS users,
      (SELECT coalesce(sum(s.tag_count), 0)::int FROM registry.organisation_statistics s WHERE s.organisation_id = o.id) AS tags
    FROM unnest($1::bigint[]) AS o(id)`,
};
const NO_QUOTA = 2_147_483_647;

/** Organisations. Written by manage. */
export class OrganisationStore {
  constructor(private readonly database: Database) {}

  /**
   * Makes an organisation for the creator's account, where the name is free and the account's quota allows. The account's
   * row is locked meanwhile, so that two cannot pass the quota together. Without a creator (open mode) the first
   * administrator of the first account stands for everybody.
   */
  async create(name: string, creatorId: string | null): Promise<CreateOrganisationOutcome> {
    return this.database.transaction(async (rows) => {
      const [creator] = await rows<{ id: string; account_id: string }>(CREATOR, [creatorId]);
      if (!creator) return 'creator-unknown';
      const [account] = await rows<{ organisation_quota: number | null }>(LOCK_ACCOUNT, [creator.account_id]);
      const quota = account?.organisation_quota ?? NO_QUOTA;
      const [made] = await rows<{ id: string }>(CREATE, [name, creator.account_id, creator.id, quota]);
      if (made) return { organisationId: made.id };
      return (await rows(FIND, [name])).length > 0 ? 'exists' : 'quota-reached';
    });
  }

  /** The organisation's id, made by `create` where there is none; `taken` where another account was faster. */
  async ensure(name: string, creatorId: string | null): Promise<EnsureOutcome> {
    const found = await this.find(name);
    if (found !== null) return { organisationId: found };
    const outcome = await this.create(name, creatorId);
    if (outcome !== 'exists') return outcome;
    // Made in this very moment: by a push of the same account, or by somebody else.
    const made = await this.show(name);
    const [creator] = await this.database.rows<{ account_id: string }>(CREATOR, [creatorId]);
    return made && made.accountId === creator?.account_id ? { organisationId: made.id } : 'taken';
  }

  /** The id, or null where no organisation has this name. */
  async find(name: string): Promise<string | null> {
    const [found] = await this.database.rows<{ id: string }>(FIND, [name]);
    return found?.id ?? null;
  }

  /** Null where no organisation has this name. */
  async show(name: string): Promise<OrganisationRow | null> {
    const [found] = await this.database.rows<OrganisationRow>(SHOW, [name]);
    return found ?? null;
  }

  /** Removes an empty organisation with its permissions. One with repositories stays. */
  async remove(name: string): Promise<'removed' | 'unknown' | 'not-empty'> {
    try {
      return (await this.database.rows(REMOVE, [name])).length > 0 ? 'removed' : 'unknown';
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'not-empty';
      throw error;
    }
  }

  /**
   * What a user sees, by name, `limit` at most: the organisations with a permission, all of the account for its
   * administrator, and with `withRepositories` those too where only a repository is granted. `name` selects one.
   */
  async list(
    viewer: Viewer,
    options: { name?: string; withRepositories: boolean; limit: number },
  ): Promise<VisibleOrganisation[]> {
    const { userId, accountId, isAdministrator } = viewer;
    return this.database.rows<VisibleOrganisation>(LIST, [
      userId,
      accountId,
      isAdministrator,
      options.withRepositories,
      options.name ?? null,
      options.limit,
    ]);
  }

  /** By the ids of the organisations. */
  async counts(ids: string[]): Promise<Map<string, OrganisationCounts>> {
    const rows = await this.database.rows<OrganisationCounts>(COUNTS, [ids]);
    return new Map(rows.map((row) => [row.id, row]));
  }
}
