import type { Database } from './database.js';

/** Who or what had a credential or a right changed: `user:<id>`, `repository:<path>`, `organisation:<name>`. */
export interface AccessChangeRow {
  subject: string;
  /** The transaction of its last change. */
  transaction: string;
}

export interface AccessChangeList {
  changes: AccessChangeRow[];
  /** What to ask from the next time: no transaction before it is still to be seen. */
  position: string;
  /** The database's clock, in milliseconds since 1970. */
  now: number;
}

/**
 * Transactions become visible in another order than they begin in, and some take long. The oldest that still runs is the
 * position: it, and all that began after it, are looked at again.
 */
const LIST = {
  name: 'access-change-list',
  text: `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS position,
           extract(epoch FROM statement_timestamp())::float8 * 1000 AS now, c.subject, c.transaction
         FROM (SELECT 1) AS one LEFT JOIN LATERAL (
           SELECT subject, transaction_id::text AS transaction FROM auth.access_change
           WHERE transaction_id >= $1::bigint ORDER BY transaction_id LIMIT $2) AS c ON true`,
};
const REMOVE_OLD = {
  name: 'access-change-remove-old',
  text: `DELETE FROM auth.access_change WHERE subject IN (
           SELECT subject FROM auth.access_change WHERE changed_at < now() - make_interval(secs => $1::float8)
           ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING subject`,
};

/** Changes of rights and credentials. Triggers write them, with what was changed; auth removes the old ones. */
export class AccessChangeStore {
  constructor(private readonly database: Database) {}

  /** All that was committed since `position`, or all there are; of those before some again. `limit` at most. */
  async list(position: string | null, limit: number): Promise<AccessChangeList> {
    const rows = await this.database.rows<ListRow>(LIST, [position ?? '0', limit]);
    const changes = rows.flatMap(({ subject, transaction }) =>
      subject === null || transaction === null ? [] : [{ subject, transaction }],
    );
    return { changes, position: rows[0]!.position, now: rows[0]!.now };
  }

  /** Removes `limit` at most that are older; gives how many. */
  async removeOlderThan(seconds: number, limit: number): Promise<number> {
    return (await this.database.rows(REMOVE_OLD, [seconds, limit])).length;
  }
}

interface ListRow {
  position: string;
  now: number;
  subject: string | null;
  transaction: string | null;
}
