import { randomUUID } from 'node:crypto';
import type { Database, Row } from './database.js';

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

const CREATE = {
  name: 'upload-session-create',
  text: `INSERT INTO storage.upload_session (id, repository, algorithm, expires_at)
         VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
};
const FIND = {
  name: 'upload-session-find',
  text: `SELECT * FROM storage.upload_session WHERE id = $1 AND repository = $2 AND expires_at > now()`,
};
const CLAIM = {
  name: 'upload-session-claim',
  text: `UPDATE storage.upload_session SET claim = $3,
           expires_at = CASE WHEN expires_at < now() + make_interval(secs => $4 * 0.9)
             THEN now() + make_interval(secs => $4) ELSE expires_at END
         WHERE id = $1 AND repository = $2 AND expires_at > now() AND ($5::bigint IS NULL OR "offset" = $5) RETURNING *`,
};
const KEEP = {
  name: 'upload-session-keep',
  text: `UPDATE storage.upload_session SET expires_at = now() + make_interval(secs => $3)
         WHERE id = $1 AND claim = $2 RETURNING id`,
};
const ADVANCE = {
  name: 'upload-session-advance',
  text: `UPDATE storage.upload_session
         SET "offset" = $3, object = $4, sha256 = $5, sha512 = $6, expires_at = now() + make_interval(secs => $7)
         WHERE id = $1 AND claim = $2 RETURNING id`,
};
const REMOVE = {
  name: 'upload-session-remove',
  text: `DELETE FROM storage.upload_session WHERE id = $1 AND repository = $2 RETURNING *`,
};
const TAKE_EXPIRED = {
  name: 'upload-session-take-expired',
  text: `DELETE FROM storage.upload_session WHERE id IN (
           SELECT id FROM storage.upload_session WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
         ) RETURNING *`,
};

/** Upload sessions: written by storage; registry-v2 ends one in the transaction that makes its blob true. */
export class UploadSessionStore {
  /** `idleSeconds`: a session that nobody touches for so long is removed with what it stored. */
  constructor(
    private readonly database: Database,
    private readonly idleSeconds: number,
  ) {}

  async create(repository: string, algorithm: string): Promise<string> {
    const id = randomUUID();
    await this.database.rows(CREATE, [id, repository, algorithm, this.idleSeconds]);
    return id;
  }

  /** Null where the id is unknown, expired, or another repository's. */
  async find(id: string, repository: string): Promise<UploadSessionRow | null> {
    return first(await this.database.rows(FIND, [id, repository]));
  }

  /**
   * Makes `claim` the one that may advance the session; whoever held it before can no longer. Null where there is no such
   * session, or it does not stand at `offset` (null: anywhere).
   */
  async claim(id: string, repository: string, claim: string, offset: number | null): Promise<UploadSessionRow | null> {
    return first(await this.database.rows(CLAIM, [id, repository, claim, this.idleSeconds, offset]));
  }

  /** Pushes the expiry out while bytes are flowing; false where the claim was lost. */
  async keep(id: string, claim: string): Promise<boolean> {
    return (await this.database.rows(KEEP, [id, claim, this.idleSeconds])).length > 0;
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
      this.idleSeconds,
    ];
    return (await this.database.rows(ADVANCE, values)).length > 0;
  }

  /** Ends a session without a blob; gives what it held, so that the caller can remove the bytes. */
  async remove(id: string, repository: string): Promise<UploadSessionRow | null> {
    return first(await this.database.rows(REMOVE, [id, repository]));
  }

  /** Ends up to `limit` sessions that expired. */
  async takeExpired(limit: number): Promise<UploadSessionRow[]> {
    return (await this.database.rows(TAKE_EXPIRED, [limit])).map(session);
  }
}

const first = (rows: Row[]): UploadSessionRow | null => (rows[0] ? session(rows[0]) : null);

const session = (row: Row): UploadSessionRow => ({
  ...(row as unknown as UploadSessionRow),
  offset: Number(row['offset']),
});
