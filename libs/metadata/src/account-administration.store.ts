import { type Database, isForeignKeyViolation } from './database.js';

/** An account as operators see it, disabled or not. */
export interface AccountRow {
  id: string;
  name: string;
  description: string;
  /** Null: no limit. */
  organisationQuota: number | null;
  disabledAt: Date | null;
}

/** What is absent stays as it is. */
export interface AccountChange {
  disabled?: boolean;
  description?: string;
  /** Null: no limit. */
  organisationQuota?: number | null;
}

/** A user as administrators see it, disabled or not: without the password's hash. */
export interface UserRow {
  id: string;
  accountId: string;
  name: string;
  description: string;
  isAdministrator: boolean;
  disabledAt: Date | null;
}

export interface NewUser {
  accountId: string;
  name: string;
  passwordHash: string;
  description: string;
  isAdministrator: boolean;
  disabled: boolean;
}

/** What is absent stays as it is. */
export interface UserChange {
  disabled?: boolean;
  passwordHash?: string;
  description?: string;
}

/** A page of what is ordered by name: `limit` entries behind `after`, which need not exist; that of `name` alone. */
export interface NamePage {
  name?: string;
  after?: string;
  limit: number;
}

export type ChangeAccountOutcome = AccountRow | 'unknown' | 'first-account';
export type ChangeUserOutcome = UserRow | 'unknown' | 'last-administrator';

const ACCOUNT = `id, name, description, organisation_quota AS "organisationQuota", disabled_at AS "disabledAt"`;
const USER = `id, account_id AS "accountId", name, description, is_administrator AS "isAdministrator",
  disabled_at AS "disabledAt"`;
const PAGE = `name > $1 AND ($2::text IS NULL OR name = $2) ORDER BY name LIMIT $3`;

const CREATE_ACCOUNT = {
  name: 'account-admin-create',
  text: `INSERT INTO auth.account (id, name, description, organisation_quota, disabled_at)
         SELECT gen_random_uuid(), $1, $2, $3, CASE WHEN $4 THEN now() END WHERE audit.by($5)
         ON CONFLICT (name) DO NOTHING RETURNING ${ACCOUNT}`,
  audited: true as const,
};
const CREATE_PROJECT = {
  name: 'account-admin-create-project',
  text: `INSERT INTO auth.project (id, account_id, name) VALUES (gen_random_uuid(), $1, $2)`,
};
const SHOW_ACCOUNT = { name: 'account-admin-show', text: `SELECT ${ACCOUNT} FROM auth.account WHERE id = $1` };
const LIST_ACCOUNTS = { name: 'account-admin-list', text: `SELECT ${ACCOUNT} FROM auth.account WHERE ${PAGE}` };
const CHANGE_ACCOUNT = {
  name: 'account-admin-change',
  text: `UPDATE auth.account SET description = coalesce($2, description),
           organisation_quota = CASE WHEN $3 THEN $4 ELSE organisation_quota END,
           disabled_at = CASE WHEN $5::boolean IS NULL THEN disabled_at WHEN $5 THEN coalesce(disabled_at, now()) END
         WHERE id = $1 AND audit.by($6) RETURNING ${ACCOUNT}`,
  audited: true as const,
};
/** Taken by whatever may leave the first account without an administrator: two such changes follow each other. */
const LOCK_FIRST_ACCOUNT = {
  name: 'account-admin-lock-first',
  text: `SELECT id FROM auth.account WHERE is_operator FOR UPDATE`,
};
const CREATE_USER = {
  name: 'account-admin-create-user',
  text: `INSERT INTO auth."user" (id, account_id, name, password_hash, description, is_administrator, disabled_at)
         SELECT gen_random_uuid(), $1, $2, $3, $4, $5, CASE WHEN $6 THEN now() END WHERE audit.by($7)
         ON CONFLICT (account_id, name) DO NOTHING RETURNING ${USER}`,
  audited: true as const,
};
const SHOW_USER = { name: 'account-admin-show-user', text: `SELECT ${USER} FROM auth."user" WHERE id = $1` };
const LIST_USERS = {
  name: 'account-admin-list-users',
  text: `SELECT ${USER} FROM auth."user" WHERE account_id = $4 AND ${PAGE}`,
};
const CHANGE_USER = {
  name: 'account-admin-change-user',
  text: `UPDATE auth."user" SET description = coalesce($2, description), password_hash = coalesce($3, password_hash),
           disabled_at = CASE WHEN $4::boolean IS NULL THEN disabled_at WHEN $4 THEN coalesce(disabled_at, now()) END
         WHERE id = $1 AND audit.by($5) RETURNING ${USER}`,
  audited: true as const,
};
const OTHER_ADMINISTRATOR = {
  name: 'account-admin-other-administrator',
  text: `SELECT FROM auth."user"
         WHERE account_id = $1 AND id <> $2 AND is_administrator AND disabled_at IS NULL LIMIT 1`,
};

/** Accounts and their users, as they are administered: made, listed, disabled. Written by auth. */
export class AccountAdministrationStore {
  constructor(private readonly database: Database) {}

  /** Makes an account with its project; null where the name is taken. */
  async createAccount(
    account: { name: string; description: string; organisationQuota: number; disabled: boolean },
    projectName: string,
  ): Promise<AccountRow | null> {
    const { name, description, organisationQuota, disabled } = account;
    return this.database.transaction(async (rows) => {
      const [made] = await rows<AccountRow>(CREATE_ACCOUNT, [name, description, organisationQuota, disabled]);
      if (!made) return null;
      await rows(CREATE_PROJECT, [made.id, projectName]);
      return made;
    });
  }

  async showAccount(id: string): Promise<AccountRow | null> {
    const [found] = await this.database.rows<AccountRow>(SHOW_ACCOUNT, [id]);
    return found ?? null;
  }

  /** By name. */
  async listAccounts({ name, after, limit }: NamePage): Promise<AccountRow[]> {
    return this.database.rows<AccountRow>(LIST_ACCOUNTS, [after ?? '', name ?? null, limit]);
  }

  /** The first account is never disabled. */
  async changeAccount(id: string, change: AccountChange): Promise<ChangeAccountOutcome> {
    return this.database.transaction(async (rows) => {
      const [first] = await rows<{ id: string }>(LOCK_FIRST_ACCOUNT, []);
      if (change.disabled && first?.id === id) return 'first-account';
      const { description = null, organisationQuota, disabled = null } = change;
      const quota = [organisationQuota !== undefined, organisationQuota ?? null];
      const [changed] = await rows<AccountRow>(CHANGE_ACCOUNT, [id, description, ...quota, disabled]);
      return changed ?? 'unknown';
    });
  }

  async createUser(user: NewUser): Promise<UserRow | 'account-unknown' | 'exists'> {
    const { accountId, name, passwordHash, description, isAdministrator, disabled } = user;
    const values = [accountId, name, passwordHash, description, isAdministrator, disabled];
    try {
      const [made] = await this.database.rows<UserRow>(CREATE_USER, values);
      return made ?? 'exists';
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'account-unknown';
      throw error;
    }
  }

  async showUser(id: string): Promise<UserRow | null> {
    const [found] = await this.database.rows<UserRow>(SHOW_USER, [id]);
    return found ?? null;
  }

  /** Those of one account, by name. */
  async listUsers(accountId: string, { name, after, limit }: NamePage): Promise<UserRow[]> {
    return this.database.rows<UserRow>(LIST_USERS, [after ?? '', name ?? null, limit, accountId]);
  }

  /** The last enabled administrator of the first account is never disabled: nobody could enable it again. */
  async changeUser(id: string, change: UserChange): Promise<ChangeUserOutcome> {
    return this.database.transaction(async (rows) => {
      if (change.disabled && (await this.isLastAdministrator(rows, id))) return 'last-administrator';
      const { description = null, passwordHash = null, disabled = null } = change;
      const [changed] = await rows<UserRow>(CHANGE_USER, [id, description, passwordHash, disabled]);
      return changed ?? 'unknown';
    });
  }

  private async isLastAdministrator(rows: Database['rows'], id: string): Promise<boolean> {
    const [first] = await rows<{ id: string }>(LOCK_FIRST_ACCOUNT, []);
    const [user] = await rows<UserRow>(SHOW_USER, [id]);
    if (!user || user.accountId !== first?.id || !user.isAdministrator || user.disabledAt !== null) return false;
    return (await rows(OTHER_ADMINISTRATOR, [user.accountId, id])).length === 0;
  }
}
