import type { Database } from './database.js';

export interface NewAccessKey {
  /** The AK. */
  id: string;
  userId: string;
  secretEncrypted: Uint8Array;
  description: string;
  /** Null: no end. A key that ends is a temporary one. */
  lifeSeconds: number | null;
  /** The credential that a temporary key ends with. Null: none. */
  madeWith: string | null;
  /** How many of its kind, temporary or not, the user may have with it. */
  most: number;
}

/** An access key as its owner may see it: without the secret. */
export interface AccessKeyRow {
  id: string;
  userId: string;
  description: string;
  createdAt: Date;
  disabledAt: Date | null;
  expiresAt: Date | null;
}

/** A key that is good now, and whose it is. */
export interface UsableAccessKey {
  id: string;
  secretEncrypted: Buffer;
  /** Null: until it is disabled or removed. */
  expiresAt: Date | null;
  /** The credential that it was made with, and ends with. Null: none. */
  madeWith: string | null;
  userId: string;
  userName: string;
  isAdministrator: boolean;
  accountId: string;
  accountName: string;
}

const CREATE = {
  name: 'access-key-create',
  text: `INSERT INTO auth.access_key (id, user_id, secret_encrypted, description, expires_at, made_with)
         SELECT $1, $2, $3, $4, now() + make_interval(secs => $5::float8), $7
         WHERE $6 > (SELECT count(*) FROM (SELECT FROM auth.access_key WHERE user_id = $2
           AND CASE WHEN $5::float8 IS NULL THEN expires_at IS NULL ELSE expires_at > now() END LIMIT $6) AS alike) AND audit.by($8)
         RETURNING *`,
  audited: true as const,
};
/** Keys of one user are made one after another, so that no two pass its bound together. */
const LOCK_USER = {
  name: 'access-key-lock-user',
  text: `SELECT FROM auth."user" WHERE id = $1 FOR NO KEY UPDATE`,
};
const FIND_USABLE = {
  name: 'access-key-find-usable',
  text: `SELECT k.id, k.secret_encrypted, k.expires_at, k.made_with, u.id AS user_id, u.name AS user_name, u.is_administrator,
           a.id AS account_id, a.name AS account_name
         FROM auth.access_key k JOIN auth."user" u ON u.id = k.user_id JOIN auth.account a ON a.id = u.account_id
         WHERE k.id = $1 AND k.disabled_at IS NULL AND u.disabled_at IS NULL AND a.disabled_at IS NULL
           AND (k.expires_at IS NULL OR k.expires_at > now())`,
};
const OWNER = { name: 'access-key-owner', text: `SELECT user_id FROM auth.access_key WHERE id = $1` };
const LIST = {
  name: 'access-key-list',
  text: `SELECT * FROM auth.access_key WHERE user_id = $1 AND expires_at IS NULL
         ORDER BY created_at, id LIMIT $2`,
};
const DISABLE = {
  name: 'access-key-disable',
  text: `UPDATE auth.access_key SET disabled_at = CASE WHEN $3 THEN coalesce(disabled_at, now()) END
         WHERE id = $1 AND user_id = $2 AND audit.by($4) RETURNING id`,
  audited: true as const,
};
const REMOVE = {
  name: 'access-key-remove',
  text: `DELETE FROM auth.access_key WHERE id = $1 AND user_id = $2 AND audit.by($3) RETURNING id`,
  audited: true as const,
};
const REMOVE_EXPIRED = {
  name: 'access-key-remove-expired',
  text: `DELETE FROM auth.access_key WHERE id IN (
           SELECT id FROM auth.access_key WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)`,
};
const EXPIRED_AT_ONCE = 100;

/** Access keys of users. Written by auth. */
export class AccessKeyStore {
  constructor(private readonly database: Database) {}

  /** Null where the user has as many as it may. Also removes some that have expired, so that they never pile up. */
  async create(key: NewAccessKey): Promise<AccessKeyRow | null> {
    await this.database.rows(REMOVE_EXPIRED, [EXPIRED_AT_ONCE]);
    const { id, userId, secretEncrypted, description, lifeSeconds, madeWith, most } = key;
    const [row] = await this.database.transaction(async (rows) => {
      await rows(LOCK_USER, [userId]);
      return rows<Row>(CREATE, [id, userId, secretEncrypted, description, lifeSeconds, most, madeWith]);
    });
    return row ? accessKey(row) : null;
  }

  /** Null where there is no such key, or it, its user or its account is disabled, or it has expired. */
  async findUsable(id: string): Promise<UsableAccessKey | null> {
    const [row] = await this.database.rows<UsableRow>(FIND_USABLE, [id]);
    if (!row) return null;
    return {
      id: row.id,
      secretEncrypted: row.secret_encrypted,
      expiresAt: row.expires_at,
      madeWith: row.made_with,
      userId: row.user_id,
      userName: row.user_name,
      isAdministrator: row.is_administrator,
      accountId: row.account_id,
      accountName: row.account_name,
    };
  }

  /** Whose key it is; null where there is no such key. */
  async findOwner(id: string): Promise<string | null> {
    const [row] = await this.database.rows<{ user_id: string }>(OWNER, [id]);
    return row?.user_id ?? null;
  }

  /** A user's keys, the oldest first, `limit` at most; not the temporary ones. */
  async list(userId: string, limit: number): Promise<AccessKeyRow[]> {
    return (await this.database.rows<Row>(LIST, [userId, limit])).map(accessKey);
  }

  /** False where the user has no such key. A disabled key can be enabled again. */
  async setDisabled(id: string, userId: string, disabled: boolean): Promise<boolean> {
    return (await this.database.rows(DISABLE, [id, userId, disabled])).length > 0;
  }

  /** False where the user has no such key. */
  async remove(id: string, userId: string): Promise<boolean> {
    return (await this.database.rows(REMOVE, [id, userId])).length > 0;
  }
}

interface Row {
  id: string;
  user_id: string;
  description: string;
  created_at: Date;
  disabled_at: Date | null;
  expires_at: Date | null;
}

interface UsableRow {
  id: string;
  secret_encrypted: Buffer;
  expires_at: Date | null;
  made_with: string | null;
  user_id: string;
  user_name: string;
  is_administrator: boolean;
  account_id: string;
  account_name: string;
}

const accessKey = (row: Row): AccessKeyRow => ({
  id: row.id,
  userId: row.user_id,
  description: row.description,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
  expiresAt: row.expires_at,
});
