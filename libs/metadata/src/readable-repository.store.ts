import type { Digest, RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import { validShare } from './share-validity.js';

/** A user, as far as it decides what they may read. */
export interface ReadingUser {
  id: string;
  accountId: string;
  isAdministrator: boolean;
}

/** How many repositories that have a blob are looked at for one that may be read. */
const MOUNT_CANDIDATES = 1_000;

const PAGE = 'ORDER BY display_name LIMIT $2';
const ALL = {
  name: 'readable-repositories-all',
  text: `SELECT display_name FROM registry.repository WHERE display_name > $1 ${PAGE}`,
};
const PUBLIC = {
  name: 'readable-repositories-public',
  text: `SELECT display_name FROM registry.repository WHERE is_public AND display_name > $1 ${PAGE}`,
};
/**
 * $1 behind what, $2 how many, $3 user, $4 account, $5 administrator. Each branch is one way to a right to read, and reads
 * a page at most. Those of organisations come organisation by organisation, in the order of `organisation/`, which
 * is the order of what is displayed: so whole organisations before the page are skipped, and those behind it are not
 * read. Only `library`, which is not displayed, stands apart.
 */
const OF_USER = {
  name: 'readable-repositories-of-user',
  text: `WITH own AS MATERIALIZED (
      SELECT o.id, o.name, (o.name || '/') COLLATE "C" AS prefix FROM manage.organisation o
      WHERE $5::boolean AND o.account_id = $4::uuid
      UNION
      SELECT o.id, o.name, (o.name || '/') COLLATE "C" FROM manage.organisation_permission p
      JOIN manage.organisation o ON o.id = p.organisation_id WHERE p.user_id = $3::uuid)
    SELECT display_name FROM (
      (SELECT display_name FROM registry.repository WHERE is_public AND display_name > $1 ${PAGE})
      UNION
      (SELECT r.display_name FROM (
         SELECT id, prefix FROM own
         WHERE name <> 'library' AND prefix >= regexp_replace($1, '/.*', '/') COLLATE "C" ORDER BY prefix) o
       CROSS JOIN LATERAL (
         SELECT display_name FROM registry.repository WHERE organisation_id = o.id AND display_name > $1 ${PAGE}) r
       ORDER BY o.prefix, r.display_name LIMIT $2)
      UNION
      (SELECT display_name FROM registry.repository
       WHERE organisation_id = (SELECT id FROM own WHERE name = 'library') AND display_name > $1 ${PAGE})
      UNION
      (SELECT r.display_name FROM manage.repository_permission p JOIN registry.repository r ON r.id = p.repository_id
       WHERE p.user_id = $3::uuid AND r.display_name > $1 ${PAGE})
      UNION
      (SELECT r.display_name FROM manage.repository_share s JOIN registry.repository r ON r.id = s.repository_id
       WHERE s.account_id = $4::uuid AND ${validShare('s')} AND r.display_name > $1 ${PAGE})
    ) readable ${PAGE}`,
};

const MOUNT_SOURCE = {
  name: 'readable-repository-mount-source',
  text: `SELECT r.path FROM (SELECT repository_id FROM registry.repository_blob WHERE digest = $1 LIMIT ${MOUNT_CANDIDATES}) c
    JOIN registry.repository r ON r.id = c.repository_id
    JOIN manage.organisation o ON o.id = r.organisation_id
    WHERE r.is_public OR ($4::boolean AND o.account_id = $3::uuid)
      OR EXISTS (SELECT FROM manage.organisation_permission p WHERE p.organisation_id = o.id AND p.user_id = $2::uuid)
      OR EXISTS (SELECT FROM manage.repository_permission p WHERE p.repository_id = r.id AND p.user_id = $2::uuid)
      OR EXISTS (SELECT FROM manage.repository_share s WHERE s.repository_id = r.id AND s.account_id = $3::uuid
                   AND ${validShare('s')})
    LIMIT 1`,
};
const ANY_MOUNT_SOURCE = {
  name: 'readable-repository-any-mount-source',
  text: `SELECT r.path FROM registry.repository_blob rb JOIN registry.repository r ON r.id = rb.repository_id
         WHERE rb.digest = $1 LIMIT 1`,
};

/**
 * Which repositories may be read: the rule of the access engine of auth ('pull'), turned into questions over all
 * repositories. That both say the same is held by a test there, over worlds made at random.
 */
export class ReadableRepositoryStore {
  constructor(private readonly database: Database) {}

  /** Up to `limit` display names behind `after` (exclusive, need not exist), in ASCII order. A null user is anonymous. */
  async list(user: ReadingUser | null, after: string, limit: number): Promise<string[]> {
    if (user === null) return names(await this.database.rows(PUBLIC, [after, limit]));
    const values = [after, limit, user.id, user.accountId, user.isAdministrator];
    return names(await this.database.rows(OF_USER, values));
  }

  /** As `list`, where everybody reads everything. */
  async listAll(after: string, limit: number): Promise<string[]> {
    return names(await this.database.rows(ALL, [after, limit]));
  }

  /** A repository that has the blob and may be read; null where none of the first thousand may. A null user is anonymous. */
  async findMountSource(user: ReadingUser | null, digest: Digest): Promise<RepositoryName | null> {
    const values = [digest, user?.id ?? null, user?.accountId ?? null, user?.isAdministrator ?? false];
    return path(await this.database.rows(MOUNT_SOURCE, values));
  }

  /** As `findMountSource`, where everybody reads everything. */
  async findAnyMountSource(digest: Digest): Promise<RepositoryName | null> {
    return path(await this.database.rows(ANY_MOUNT_SOURCE, [digest]));
  }
}

const names = (rows: object[]): string[] => (rows as { display_name: string }[]).map((row) => row.display_name);
const path = (rows: object[]): RepositoryName | null => (rows as { path: RepositoryName }[])[0]?.path ?? null;
