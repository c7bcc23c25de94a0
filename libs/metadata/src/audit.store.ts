import type { Database } from './database.js';

/** One change, and who made it. */
export interface AuditRecord {
  id: string;
  at: Date;
  /** Null: of no organisation. */
  organisation: string | null;
  action: string;
  resource: string;
  detail: object;
  /** Null where nobody was logged in, or a service did it on its own. */
  userId: string | null;
  userName: string | null;
  accountName: string | null;
  credential: string | null;
  address: string | null;
  requestId: string | null;
  service: string;
}

export interface AuditQuery {
  /** Of this organisation alone: those since it was made, so that nobody sees what was under its name before. */
  organisation?: string;
  /** For operators: also of those that had the organisation's name before. */
  everOfThatName?: boolean;
  userId?: string;
  action?: string;
  resource?: string;
  /** From when on. */
  since?: Date;
  /** Until when, that moment left out. */
  until?: Date;
  /** Behind which record the page begins, as the page before it said. */
  behind?: AuditPosition;
  limit: number;
}

/** Where in the record a page ended: the moment in microseconds since 1970, and the record's id. */
export interface AuditPosition {
  at: string;
  id: string;
}

export interface AuditPage {
  records: AuditRecord[];
  /** Null where nothing follows. A page may have fewer records than asked for, none even, and others follow. */
  next: AuditPosition | null;
}

/** Records that a page looks at: what is filtered out costs as much as what is shown. */
const LOOKED_AT = 1_000;
const MICROSECONDS = `(extract(epoch FROM at) * 1000000)::bigint::text`;
const MOMENT = (parameter: string) => `to_timestamp(0) + ${parameter}::bigint * interval '1 microsecond'`;

/**
 * By which index: that of the organisation, of the user, or of the time. Of what is looked at it gives what matches, and the
 * last one, so that the next page begins behind it.
 */
function listBy(name: string, condition: string) {
  return {
    name: `audit-list-${name}`,
    text: `SELECT id, at, organisation, action, resource, detail, user_id AS "userId",
        (SELECT u.name FROM auth."user" u WHERE u.id = user_id) AS "userName",
        (SELECT a.name FROM auth."user" u JOIN auth.account a ON a.id = u.account_id WHERE u.id = user_id) AS "accountName",
        credential, address, request_id AS "requestId", service, ${MICROSECONDS} AS micros, matches, number::int
      FROM (SELECT r.*, row_number() OVER (ORDER BY at DESC, id DESC) AS number,
              coalesce(r.action = $5, true) AND coalesce(r.resource = $6, true)
                AND ($7::uuid IS NULL OR r.user_id IS NOT DISTINCT FROM $7::uuid) AS matches
            FROM audit.record r WHERE ${condition}
              AND at >= coalesce($2::timestamptz, '-infinity')
              AND (at, id) < (CASE WHEN $3::text IS NULL THEN 'infinity' ELSE ${MOMENT('$3')} END, coalesce($4::bigint, 0))
            ORDER BY at DESC, id DESC LIMIT $8) AS looked
      WHERE matches OR number = $8 ORDER BY at DESC, id DESC LIMIT $10`,
  };
}
const BY_ORGANISATION = listBy(
  'by-organisation',
  `organisation = $1 AND at >= CASE WHEN $9 THEN '-infinity' ELSE (SELECT created_at FROM manage.organisation WHERE name = $1) END`,
);
const BY_USER = listBy('by-user', '$1::text IS NULL AND NOT $9::boolean AND user_id = $7::uuid');
const BY_TIME = listBy('by-time', '$1::text IS NULL AND NOT $9::boolean');
const REMOVE_OLD = {
  name: 'audit-remove-old',
  text: `DELETE FROM audit.record WHERE id = ANY(ARRAY(
           SELECT id FROM audit.record WHERE at < now() - make_interval(days => $1) ORDER BY at, id LIMIT $2 FOR UPDATE SKIP LOCKED
         )) RETURNING id`,
};

/** The audit record: who changed what. Triggers write it; here it is read, and what is old is removed. */
export class AuditStore {
  constructor(private readonly database: Database) {}

  /** The latest first. */
  async list(query: AuditQuery): Promise<AuditPage> {
    const { organisation, userId, action, resource, since, until, behind, limit } = query;
    const statement = organisation !== undefined ? BY_ORGANISATION : userId !== undefined ? BY_USER : BY_TIME;
    // A position holds all that is before it: of `until` whatever is at that moment is left out.
    const end = behind ?? (until && { at: String(until.getTime() * 1000), id: '0' });
    const found = await this.database.rows<FoundRecord>(statement, [
      organisation ?? null,
      since ?? null,
      end?.at ?? null,
      end?.id ?? null,
      action ?? null,
      resource ?? null,
      userId ?? null,
      LOOKED_AT,
      organisation !== undefined && query.everOfThatName === true,
      limit + 1,
    ]);
    const matching = found.filter(({ matches }) => matches);
    const lookedAtLast = found.at(-1)?.number === LOOKED_AT ? found.at(-1) : undefined;
    const last = matching.length > limit ? matching[limit - 1] : lookedAtLast;
    return {
      records: matching
        .slice(0, limit)
        .map(({ micros: _micros, matches: _matches, number: _number, ...record }) => record),
      next: last ? { at: last.micros, id: last.id } : null,
    };
  }

  /** Removes up to `limit` records that are older than so many days; gives how many. Of less than 30 days the database keeps all. */
  async removeOlderThan(days: number, limit: number): Promise<number> {
    return (await this.database.rows(REMOVE_OLD, [days, limit])).length;
  }
}

interface FoundRecord extends AuditRecord {
  micros: string;
  matches: boolean;
  /** Its place among those that were looked at. */
  number: number;
}
