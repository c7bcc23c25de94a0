import type { Database } from './database.js';

/** 7 manage, 3 edit, 1 read. */
export type Permission = 7 | 3 | 1;

export interface UserPermission {
  userId: string;
  userName: string;
  auth: Permission;
}

const LIST = {
  name: 'organisation-permission-list',
  text: `SELECT op.user_id AS "userId", u.name AS "userName", op.auth
         FROM manage.organisation_permission op JOIN auth."user" u ON u.id = op.user_id
         WHERE op.organisation_id = $1 ORDER BY u.name COLLATE "C", u.id LIMIT $2`,
};
const LOCK = {
  name: 'organisation-permission-lock',
  text: `SELECT account_id FROM manage.organisation WHERE id = $1 FOR NO KEY UPDATE`,
};
/** Users of the account with the name that was sent. */
const KNOWN = {
  name: 'organisation-permission-known-users',
  text: `SELECT u.id FROM unnest($2::uuid[], $3::text[]) AS given(id, name)
         JOIN auth."user" u ON u.id = given.id AND u.name = given.name AND u.account_id = $1`,
};
const HELD = {
  name: 'organisation-permission-held',
  text: `SELECT user_id FROM manage.organisation_permission WHERE organisation_id = $1 AND user_id = ANY($2)`,
};
const ADD = {
  name: 'organisation-permission-add',
  text: `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
         SELECT $1, given.id, given.auth FROM unnest($2::uuid[], $3::smallint[]) AS given(id, auth)`,
};
const UPDATE = {
  name: 'organisation-permission-update',
  text: `UPDATE manage.organisation_permission op SET auth = given.auth
         FROM unnest($2::uuid[], $3::smallint[]) AS given(id, auth)
         WHERE op.organisation_id = $1 AND op.user_id = given.id`,
};
const REMOVE = {
  name: 'organisation-permission-remove',
  text: `DELETE FROM manage.organisation_permission WHERE organisation_id = $1 AND user_id = ANY($2)`,
};

/** What users may do in an organisation. Each change is done whole or not at all. Written by manage. */
export class OrganisationPermissionStore {
  constructor(private readonly database: Database) {}

  /** By name of the user, `limit` at most. */
  async list(organisationId: string, limit: number): Promise<UserPermission[]> {
    return this.database.rows<UserPermission>(LIST, [organisationId, limit]);
  }

  /** `user-unknown` where one is no user of the organisation's account under that name, `exists` where one has a permission. */
  async add(
    organisationId: string,
    permissions: UserPermission[],
  ): Promise<'added' | 'organisation-unknown' | 'user-unknown' | 'exists'> {
    return this.change(organisationId, permissions, async (rows, ids) => {
      if ((await rows(HELD, [organisationId, ids])).length > 0) return 'exists';
      await rows(ADD, [organisationId, ids, permissions.map(({ auth }) => auth)]);
      return 'added';
    });
  }

  /** `unknown` where one of the users has no permission yet. */
  async update(
    organisationId: string,
    permissions: UserPermission[],
  ): Promise<'updated' | 'organisation-unknown' | 'user-unknown' | 'unknown'> {
    return this.change(organisationId, permissions, async (rows, ids) => {
      if ((await rows(HELD, [organisationId, ids])).length < new Set(ids).size) return 'unknown';
      await rows(UPDATE, [organisationId, ids, permissions.map(({ auth }) => auth)]);
      return 'updated';
    });
  }

  /** `unknown` where one of the users has no permission. */
  async remove(organisationId: string, userIds: string[]): Promise<'removed' | 'organisation-unknown' | 'unknown'> {
    return this.database.transaction(async (rows) => {
      if ((await rows(LOCK, [organisationId])).length === 0) return 'organisation-unknown';
      if ((await rows(HELD, [organisationId, userIds])).length < new Set(userIds).size) return 'unknown';
      await rows(REMOVE, [organisationId, userIds]);
      return 'removed';
    });
  }

  /** Under the organisation's lock, so that what is looked up first is still true when it is written. */
  private change<Outcome>(
    organisationId: string,
    permissions: UserPermission[],
    write: (rows: Database['rows'], userIds: string[]) => Promise<Outcome>,
  ): Promise<Outcome | 'organisation-unknown' | 'user-unknown'> {
    const ids = permissions.map(({ userId }) => userId);
    const names = permissions.map(({ userName }) => userName);
    return this.database.transaction(async (rows) => {
      const [organisation] = await rows<{ account_id: string }>(LOCK, [organisationId]);
      if (!organisation) return 'organisation-unknown';
      const known = await rows<{ id: string }>(KNOWN, [organisation.account_id, ids, names]);
      if (new Set(known.map(({ id }) => id)).size < new Set(ids).size) return 'user-unknown';
      return write(rows, ids);
    });
  }
}
