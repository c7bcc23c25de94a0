import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';
import { lockTag } from './tag-lock.js';
import { fitsTagQuota, lockTagQuota } from './tag-quota.js';

export type DeleteTagOutcome = 'deleted' | 'unknown' | 'precondition-failed';

export interface Retag {
  repository: RepositoryName;
  source: Tag;
  destination: Tag;
  /** Moves the destination where it is there; otherwise it stays. */
  override: boolean;
  /** Written to the outbox in the same transaction. */
  event: (named: NamedManifest) => { subject: string; payload: object };
}

export interface NamedManifest {
  digest: Digest;
  mediaType: string;
}

/** `busy`: the source moved whenever it was looked at. */
export type RetagOutcome =
  { digest: Digest } | 'repository-unknown' | 'source-unknown' | 'destination-exists' | 'busy' | 'tag-quota-reached';

const LIST = {
  name: 'tag-list',
  text: `SELECT t.name FROM registry.repository r JOIN registry.tag t ON t.repository_id = r.id
         WHERE r.path = $1 AND t.name > $2 ORDER BY t.name LIMIT $3`,
};
const DELETE = {
  name: 'tag-delete',
  text: `WITH gone AS (DELETE FROM registry.tag t USING registry.repository r
           WHERE r.path = $1 AND t.repository_id = r.id AND t.name = $2 RETURNING t.name)
         INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $3, $4 FROM gone WHERE audit.by($5) RETURNING id`,
  audited: true as const,
};
const NAMED_MANIFEST = {
  name: 'tag-named-manifest',
  text: `SELECT r.id AS repository_id, t.manifest_id FROM registry.repository r
         LEFT JOIN registry.tag t ON t.repository_id = r.id AND t.name = $2 WHERE r.path = $1`,
};
const LOCK_MANIFEST = {
  name: 'tag-lock-manifest',
  text: `SELECT digest, media_type FROM registry.manifest WHERE id = $1 FOR KEY SHARE`,
};
const LOCK_TAGS = {
  name: 'tag-lock-several',
  text: `SELECT name, manifest_id FROM registry.tag WHERE repository_id = $1 AND name = ANY($2) ORDER BY name FOR UPDATE`,
};
const SET = {
  name: 'tag-set',
  text: `WITH tagged AS (INSERT INTO registry.tag (repository_id, name, manifest_id) VALUES ($1, $2, $3)
           ON CONFLICT (repository_id, name) DO UPDATE SET manifest_id = excluded.manifest_id, updated_at = now() WHERE $4
           RETURNING name)
         INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $5, $6 FROM tagged WHERE audit.by($7) RETURNING id`,
  audited: true as const,
};
const ATTEMPTS = 10;

/** Undoes a retag whose source was moved, or lost what it named, before it was locked. */
class SourceMoved extends Error {}

/** Tags: names that move from manifest to manifest. Set by ManifestStore.put, in the transaction of the push, and here. */
export class TagStore {
  /** `quota`: tags of a repository at most, for a retag; 0: any number. */
  constructor(
    private readonly database: Database,
    private readonly quota = 0,
  ) {}

  /** Up to `limit` tags behind `after` (exclusive, need not exist), in ASCII order. */
  async list(repository: RepositoryName, after: string, limit: number): Promise<Tag[]> {
    const rows = await this.database.rows<{ name: Tag }>(LIST, [repository, after, limit]);
    return rows.map((row) => row.name);
  }

  /** With `holds`, judged under a lock of the tag, nothing is deleted where it is false of what the tag names. */
  async delete(
    repository: RepositoryName,
    tag: Tag,
    event: { subject: string; payload: object },
    holds?: (named: Digest) => boolean,
  ): Promise<DeleteTagOutcome> {
    const remove = async (rows: Database['rows']) => {
      const gone = await rows(DELETE, [repository, tag, event.subject, JSON.stringify(event.payload)]);
      return gone.length > 0 ? 'deleted' : 'unknown';
    };
    if (!holds) return remove(this.database.rows.bind(this.database));
    return this.database.transaction(async (rows) => {
      const named = await lockTag(rows, repository, tag);
      if (named === null) return 'unknown';
      return holds(named) ? remove(rows) : 'precondition-failed';
    });
  }

  /**
   * Gives what `source` names to `destination`. One transaction that locks the manifest and then both tags: a push and a
   * delete of either comes before or after.
   */
  async retag(retag: Retag): Promise<RetagOutcome> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.transaction((rows) => retagInside(rows, retag, this.quota));
      } catch (error) {
        if (!(error instanceof SourceMoved || isForeignKeyViolation(error))) throw error;
        if (attempt === ATTEMPTS) return 'busy';
      }
    }
  }
}

async function retagInside(
  rows: Database['rows'],
  { repository, source, destination, override, event }: Retag,
  quota: number,
): Promise<RetagOutcome> {
  const [found] = await rows<{ repository_id: string; manifest_id: string | null }>(NAMED_MANIFEST, [
    repository,
    source,
  ]);
  if (!found) return 'repository-unknown';
  const { repository_id: repositoryId, manifest_id: manifestId } = found;
  if (manifestId === null) return 'source-unknown';
  if (quota > 0) await lockTagQuota(rows, repositoryId);
  const [manifest] = await rows<{ digest: Digest; media_type: string }>(LOCK_MANIFEST, [manifestId]);
  const tags = await rows<{ name: Tag; manifest_id: string }>(LOCK_TAGS, [repositoryId, [source, destination]]);
  const named = tags.find(({ name }) => name === source);
  if (!manifest || named?.manifest_id !== manifestId) throw new SourceMoved();
  if (quota > 0 && !(await fitsTagQuota(rows, repositoryId, [destination], quota))) return 'tag-quota-reached';
  const { subject, payload } = event({ digest: manifest.digest, mediaType: manifest.media_type });
  const set = await rows(SET, [repositoryId, destination, manifestId, override, subject, JSON.stringify(payload)]);
  return set.length > 0 ? { digest: manifest.digest } : 'destination-exists';
}
