import { randomUUID } from 'node:crypto';
import type { Database, Row } from './database.js';

/**
 * Whose session is meant. Another repository's, another owner's (undefined: nobody's, as in open mode) or, where
 * `startedBy` says a time in seconds since 1970, one that started later is not there.
 */
export interface UploadSessionKey {
  sessionId: string;
  repository: string;
  ownerId?: string;
  startedBy?: number;
}

/** An upload session as it is stored. `object` is the BlobStore's unfinished object, null before the first byte. */
export interface UploadSessionRow {
  id: string;
  repository: string;
  offset: number;
  object: unknown;
  sha256: string | null;
  sha512: string | null;
  algorithm: 'sha256' | 'sha512';
  claim: string | null;
}

/** What an append made durable. */
export interface UploadProgress {
  offset: number;
  object: unknown;
  sha256: string | null;
  sha512: string | null;
}

const COLUMNS = `id, repository, "offset", object, sha256, sha512, algorithm, claim`;
/** Spelled out in every statement that takes a key: $1 to $4. */
const IS_KEY = `id = $1 AND repository = $2 AND owner_id IS NOT DISTINCT FROM $3::uuid
  AND ($4::float8 IS NULL OR started_at <= to_timestamp($4))`;

/** An expiry, but no later than the session's greatest age. */
const within = (most: string, expiry: string) => `least(${expiry}, started_at + make_interval(secs => ${most}))`;
const renewed = (idle: string) => `CASE WHEN expires_at < now() + make_interval(secs => ${idle} * 0.9)
  THEN now() + make_interval(secs => ${idle}) ELSE expires_at END`;
/** The age is asked for too: it may have been set shorter than when the session was touched last. */
const isAlive = (most: string) => `expires_at > now() AND started_at > now() - make_interval(secs => ${most})`;

const CREATE = {
  name: 'upload-session-create',
  text: `INSERT INTO storage.upload_session (id, repository, owner_id, algorithm, expires_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
};
const FIND = {
  name: 'upload-session-find',
  text: `SELECT ${COLUMNS} FROM storage.upload_session WHERE ${IS_KEY} AND ${isAlive('$5')}`,
};
const CLAIM = {
  name: 'upload-session-claim',
  text: `UPDATE storage.upload_session SET claim = $5, expires_at = ${within('$8', renewed('$6'))}
         WHERE ${IS_KEY} AND ${isAlive('$8')} AND ($7::bigint IS NULL OR "offset" = $7) RETURNING ${COLUMNS}`,
};
const CLAIM_COMPLETION = {
  name: 'upload-session-claim-completion',
  text: `UPDATE storage.upload_session SET
           claim = left(encode(sha256(convert_to(concat_ws(' ', id, "offset", object ->> 'key', $5::text), 'UTF8')), 'hex'), 32)::uuid,
           expires_at = ${within('$7', renewed('$6'))}
         WHERE ${IS_KEY} AND ${isAlive('$7')} RETURNING ${COLUMNS}`,
};
const KEEP = {
  name: 'upload-session-keep',
  text: `UPDATE storage.upload_session SET expires_at = ${within('$4', 'now() + make_interval(secs => $3)')}
         WHERE id = $1 AND claim = $2 RETURNING id`,
};
const ADVANCE = {
  name: 'upload-session-advance',
  text: `UPDATE storage.upload_session
         SET "offset" = $3, object = $4, sha256 = $5, sha512 = $6, expires_at = ${within('$8', 'now() + make_interval(secs => $7)')}
         WHERE id = $1 AND claim = $2 RETURNING id`,
};
const REMOVE = {
  name: 'upload-session-remove',
  text: `DELETE FROM storage.upload_session WHERE ${IS_KEY} RETURNING ${COLUMNS}`,
};
const REMOVE_CLAIMED = {
  name: 'upload-session-remove-claimed',
  text: `DELETE FROM storage.upload_session WHERE id = $1 AND claim = $2 RETURNING id`,
};
const TAKE_EXPIRED = {
  name: 'upload-session-take-expired',
  text: `DELETE FROM storage.upload_session WHERE id IN (
           SELECT id FROM storage.upload_session WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
         ) RETURNING ${COLUMNS}`,
};

const COUNT = {
  name: 'upload-session-count',
  text: `SELECT count(*)::int AS count
         FROM (SELECT FROM storage.upload_session WHERE expires_at > now() ORDER BY expires_at LIMIT $1) AS open`,
};

/** Upload sessions: written by storage; registry-v2 ends one in the transaction that makes its blob true. */
export class UploadSessionStore {
  /**
   * A session that nobody touches for `idleSeconds`, and one that began `maxSeconds` ago, is removed with what it stored.
   */
  constructor(
    private readonly database: Database,
    private readonly limits: { idleSeconds: number; maxSeconds: number },
  ) {}

  /** `ownerId`: who alone may go on with it; undefined in open mode. */
  async create(repository: string, algorithm: string, ownerId?: string): Promise<string> {
    const id = randomUUID();
    await this.database.rows(CREATE, [id, repository, ownerId ?? null, algorithm, this.limits.idleSeconds]);
    return id;
  }

  /** Null where the id is unknown, expired, too old, or not that of the key. */
  async find(key: UploadSessionKey): Promise<UploadSessionRow | null> {
    return first(await this.database.rows(FIND, [...valuesOf(key), this.limits.maxSeconds]));
  }

  /**
   * Makes `claim` the one that may advance the session; whoever held it before can no longer. Null where there is no such
   * session, or it does not stand at `offset` (null: anywhere).
   */
  async claim(key: UploadSessionKey, claim: string, offset: number | null): Promise<UploadSessionRow | null> {
    const { idleSeconds, maxSeconds } = this.limits;
    return first(await this.database.rows(CLAIM, [...valuesOf(key), claim, idleSeconds, offset, maxSeconds]));
  }

  /**
   * Claims the session to complete it by `digest`. The claim is made of the session, its bytes and the digest: asked again,
   * by whichever process, it is the same one, so that a question that is repeated takes nothing from the process that is
   * still at work on it. Any other digest, and any append, takes it away. Null where there is no such session.
   */
  async claimCompletion(key: UploadSessionKey, digest: string): Promise<(UploadSessionRow & { claim: string }) | null> {
    const { idleSeconds, maxSeconds } = this.limits;
    const values = [...valuesOf(key), digest, idleSeconds, maxSeconds];
    const [row] = await this.database.rows(CLAIM_COMPLETION, values);
    return row ? (session(row) as UploadSessionRow & { claim: string }) : null;
  }

  /** Pushes the expiry out while bytes are flowing, up to the greatest age; false where the claim was lost. */
  async keep(id: string, claim: string): Promise<boolean> {
    const { idleSeconds, maxSeconds } = this.limits;
    return (await this.database.rows(KEEP, [id, claim, idleSeconds, maxSeconds])).length > 0;
  }

  /** Records what an append made durable; false where the claim was lost, and then nothing is recorded. */
  async advance(id: string, claim: string, progress: UploadProgress): Promise<boolean> {
    const { offset, object, sha256, sha512 } = progress;
    const values = [
      id,
      claim,
      offset,
      object === null ? null : JSON.stringify(object),
      sha256,
      sha512,
      this.limits.idleSeconds,
      this.limits.maxSeconds,
    ];
    return (await this.database.rows(ADVANCE, values)).length > 0;
  }

  /** Ends a session without a blob; gives what it held, so that the caller can remove the bytes. */
  async remove(key: UploadSessionKey): Promise<UploadSessionRow | null> {
    return first(await this.database.rows(REMOVE, valuesOf(key)));
  }

  /**
   * Ends a session without a blob, if `claim` still holds it: then its blob was not committed and never will be. False
   * where the claim was lost or the session is over, and then nothing is done.
   */
  async removeClaimed(id: string, claim: string): Promise<boolean> {
    return (await this.database.rows(REMOVE_CLAIMED, [id, claim])).length > 0;
  }

  /** How many are open; `limit` where there are more. */
  async count(limit: number): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT, [limit]);
    return row!.count;
  }

  /** Ends up to `limit` sessions that expired. */
  async takeExpired(limit: number): Promise<UploadSessionRow[]> {
    return (await this.database.rows(TAKE_EXPIRED, [limit])).map(session);
  }
}

const valuesOf = ({ sessionId, repository, ownerId, startedBy }: UploadSessionKey): unknown[] => [
  sessionId,
  repository,
  ownerId ?? null,
  startedBy ?? null,
];

const first = (rows: Row[]): UploadSessionRow | null => (rows[0] ? session(rows[0]) : null);

const session = (row: Row): UploadSessionRow => ({
  ...(row as unknown as UploadSessionRow),
  offset: Number(row['offset']),
});
