import type { Database, Statement } from './database.js';

/** 7 manage, 3 edit, 1 read. */
export type Permission = 7 | 3 | 1;

export interface UserPermission {
  userId: string;
  userName: string;
  auth: Permission;
}

/** Users of the account with the name that was sent; none of them goes away meanwhile. */
const KNOWN = {
  name: 'permission-known-users',
  text: `SELECT u.id FROM unnest($2::uuid[], $3::text[]) AS given(id, name)
         JOIN auth."user" u ON u.id = given.id AND u.name = given.name AND u.account_id = $1
         FOR KEY SHARE OF u`,
};

/** The statements on the permissions of one kind of thing. `lock` locks the thing $1 and gives its account. */
function statementsOn(kind: 'organisation' | 'repository', lock: string) {
  const [table, column] = [`manage.${kind}_permission`, `${kind}_id`];
  const statement = (name: string, text: string): Statement => ({ name: `${kind}-permission-${name}`, text });
  const change = (name: string, text: string): Statement => ({ ...statement(name, text), audited: true });
  return {
    list: statement(
      'list',
      `SELECT p.user_id AS "userId", u.name AS "userName", p.auth FROM ${table} p JOIN auth."user" u ON u.id = p.user_id
       WHERE p.${column} = $1 ORDER BY u.name COLLATE "C", u.id LIMIT $2`,
    ),
    lock: statement('lock', lock),
    held: statement('held', `SELECT user_id FROM ${table} WHERE ${column} = $1 AND user_id = ANY($2)`),
    add: change(
      'add',
      `INSERT INTO ${table} (${column}, user_id, auth)
       SELECT $1, given.id, given.auth FROM unnest($2::uuid[], $3::smallint[]) AS given(id, auth) WHERE audit.by($4)`,
    ),
    update: change(
      'update',
      `UPDATE ${table} p SET auth = given.auth FROM unnest($2::uuid[], $3::smallint[]) AS given(id, auth)
       WHERE p.${column} = $1 AND p.user_id = given.id AND audit.by($4)`,
    ),
    remove: change('remove', `DELETE FROM ${table} WHERE ${column} = $1 AND user_id = ANY($2) AND audit.by($3)`),
  };
}

const ON_ORGANISATION = statementsOn(
  'organisation',
  'SELECT account_id FROM manage.organisation WHERE id = $1 FOR NO KEY UPDATE',
);
const ON_REPOSITORY = statementsOn(
  'repository',
  `SELECT o.account_id FROM registry.repository r JOIN manage.organisation o ON o.id = r.organisation_id
   WHERE r.id = $1 FOR NO KEY UPDATE OF r`,
);

/** What users may do in a thing of their account, named by its id. Each change is done whole or not at all. */
abstract class PermissionStore {
  protected constructor(
    private readonly database: Database,
    private readonly on: ReturnType<typeof statementsOn>,
  ) {}

  /** By name of the user, `limit` at most. */
  async list(id: string, limit: number): Promise<UserPermission[]> {
    return this.database.rows<UserPermission>(this.on.list, [id, limit]);
  }

  /** `user-unknown` where one is no user of the thing's account under that name, `exists` where one has a permission. */
  async add(
    id: string,
    permissions: UserPermission[],
  ): Promise<'added' | 'target-unknown' | 'user-unknown' | 'exists'> {
    return this.change(id, permissions, async (rows, ids) => {
      if ((await rows(this.on.held, [id, ids])).length > 0) return 'exists';
      await rows(this.on.add, [id, ids, permissions.map(({ auth }) => auth)]);
      return 'added';
    });
  }

  /** `unknown` where one of the users has no permission yet. */
  async update(
    id: string,
    permissions: UserPermission[],
  ): Promise<'updated' | 'target-unknown' | 'user-unknown' | 'unknown'> {
    return this.change(id, permissions, async (rows, ids) => {
      if ((await rows(this.on.held, [id, ids])).length < new Set(ids).size) return 'unknown';
      await rows(this.on.update, [id, ids, permissions.map(({ auth }) => auth)]);
      return 'updated';
    });
  }

  /** `unknown` where one of the users has no permission. */
  async remove(id: string, userIds: string[]): Promise<'removed' | 'target-unknown' | 'unknown'> {
    return this.database.transaction(async (rows) => {
      if ((await rows(this.on.lock, [id])).length === 0) return 'target-unknown';
      if ((await rows(this.on.held, [id, userIds])).length < new Set(userIds).size) return 'unknown';
      await rows(this.on.remove, [id, userIds]);
      return 'removed';
    });
  }

  /** Under the thing's lock, so that what is looked up first is still true when it is written. */
  private change<Outcome>(
    id: string,
    permissions: UserPermission[],
    write: (rows: Database['rows'], userIds: string[]) => Promise<Outcome>,
  ): Promise<Outcome | 'target-unknown' | 'user-unknown'> {
    const ids = permissions.map(({ userId }) => userId);
    const names = permissions.map(({ userName }) => userName);
    return this.database.transaction(async (rows) => {
      const [target] = await rows<{ account_id: string }>(this.on.lock, [id]);
      if (!target) return 'target-unknown';
      const known = await rows<{ id: string }>(KNOWN, [target.account_id, ids, names]);
      if (new Set(known.map(({ id }) => id)).size < new Set(ids).size) return 'user-unknown';
      return write(rows, ids);
    });
  }
}

/** What users may do in an organisation. Written by manage. */
export class OrganisationPermissionStore extends PermissionStore {
  constructor(database: Database) {
    super(database, ON_ORGANISATION);
  }
}

/** What users may do in a repository, besides what they may in its organisation. Written by manage. */
export class RepositoryPermissionStore extends PermissionStore {
  constructor(database: Database) {
    super(database, ON_REPOSITORY);
  }
}
