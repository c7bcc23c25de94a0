import type { Digest, RepositoryName } from '@berth/oci';
import { type Database, isForeignKeyViolation } from './database.js';
import { removeBlobLinks } from './repository-blob.store.js';

export interface RepositoryRemovalOptions {
  /** How long a read that was granted may still run: an object outlives its row by this. */
  pullWindowSeconds: number;
  /** Manifests, or links, that one transaction removes at most. */
  batch?: number;
}

/** `busy`: pushes put in what was taken out, again and again. What is done stays done: another try goes on. */
export type RemoveRepositoryOutcome = 'removed' | 'unknown' | 'not-empty' | 'busy';

/** Of a manifest that goes with its repository. */
export type ManifestEvent = (digest: Digest) => { subject: string; payload: object };

const BATCH = 500;
/** Far beyond what a repository has; it ends what pushes would keep going for ever. */
const MOST_STEPS = 10_000;

const FIND = { name: 'removal-find', text: `SELECT id FROM registry.repository WHERE path = $1` };
/**
 * Nothing refers to them: an index goes before its children, and what has a subject before the subject, which would otherwise
 * queue all that refers to it. Names are digests, so there is no circle.
 */
const LOCK_MANIFESTS = {
  name: 'removal-lock-manifests',
  text: `SELECT m.id FROM registry.manifest m WHERE m.repository_id = $1
           AND NOT EXISTS (SELECT FROM registry.manifest_child c WHERE c.child_id = m.id)
           AND NOT EXISTS (SELECT FROM registry.manifest r
             WHERE r.repository_id = m.repository_id AND r.subject_digest = m.digest)
         ORDER BY m.digest LIMIT $2 FOR UPDATE OF m`,
};
const IS_TAGGED = { name: 'removal-is-tagged', text: `SELECT 1 FROM registry.tag WHERE repository_id = $1 LIMIT 1` };
const STILL_FREE = {
  name: 'removal-still-free',
  text: `SELECT m.id FROM registry.manifest m WHERE m.id = ANY($1)
           AND NOT EXISTS (SELECT FROM registry.manifest_child c WHERE c.child_id = m.id)`,
};
/** Before the manifests, which would take theirs one after another: so the links are queued, and locked, in one order. */
const DELETE_REFERENCES = {
  name: 'removal-delete-references',
  text: `DELETE FROM registry.manifest_blob WHERE manifest_id = ANY($1)`,
};
const DELETE_MANIFESTS = {
  name: 'removal-delete-manifests',
  text: `DELETE FROM registry.manifest WHERE id = ANY($1) AND audit.by($2) RETURNING digest`,
  audited: true as const,
};
const TELL = {
  name: 'removal-tell',
  text: `INSERT INTO registry.outbox_event (id, subject, payload)
         SELECT gen_random_uuid(), subject, payload FROM unnest($1::text[], $2::jsonb[]) AS told(subject, payload)`,
};
const LINKS = {
  name: 'removal-links',
  text: `SELECT digest FROM registry.repository_blob WHERE repository_id = $1 ORDER BY digest LIMIT $2`,
};
const DELETE = {
  name: 'removal-delete',
  text: `DELETE FROM registry.repository WHERE id = $1 AND audit.by($2) RETURNING id`,
  audited: true as const,
};

/**
 * Takes repositories away, in transactions of bounded size: manifests, then links, then the row. Each is judged under locks
 * that a push needs as well, so either sees the other: a push that was acknowledged with a tag keeps the repository, and one
 * that comes too late fails.
 */
export class RepositoryRemovalStore {
  private readonly batch: number;

  constructor(
    private readonly database: Database,
    private readonly options: RepositoryRemovalOptions,
  ) {
    this.batch = options.batch ?? BATCH;
  }

  /** Removes a repository that has no tag, with all else that it has. */
  async remove(repository: RepositoryName, event: ManifestEvent): Promise<RemoveRepositoryOutcome> {
    const [found] = await this.database.rows<{ id: string }>(FIND, [repository]);
    if (!found) return 'unknown';
    // Most that are refused are refused here, before anything is locked.
    if ((await this.database.rows(IS_TAGGED, [found.id])).length > 0) return 'not-empty';
    for (let step = 0; step < MOST_STEPS; step++) {
      const outcome = await this.step(found.id, event);
      if (outcome !== 'more') return outcome;
    }
    return 'busy';
  }

  /** One step, from the start: what a push has put in meanwhile is seen before anything else goes. */
  private async step(
    repositoryId: string,
    event: ManifestEvent,
  ): Promise<'more' | 'removed' | 'unknown' | 'not-empty'> {
    const manifests = await this.removeManifests(repositoryId, event);
    if (manifests !== 'none') return manifests;
    try {
      if (await this.removeLinks(repositoryId)) return 'more';
      return (await this.database.rows(DELETE, [repositoryId])).length > 0 ? 'removed' : 'unknown';
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'more';
      throw error;
    }
  }

  /** What is locked here gets neither a tag nor an index before this ends, and what it has got is seen after the locks. */
  private removeManifests(repositoryId: string, event: ManifestEvent): Promise<'none' | 'more' | 'not-empty'> {
    return this.database.transaction(async (rows) => {
      const locked = await rows<{ id: string }>(LOCK_MANIFESTS, [repositoryId, this.batch]);
      if ((await rows(IS_TAGGED, [repositoryId])).length > 0) return 'not-empty';
      if (locked.length === 0) return 'none';
      const free = (await rows<{ id: string }>(STILL_FREE, [locked.map(({ id }) => id)])).map(({ id }) => id);
      await rows(DELETE_REFERENCES, [free]);
      const gone = (await rows<{ digest: Digest }>(DELETE_MANIFESTS, [free])).map(({ digest }) => event(digest));
      await rows(TELL, [gone.map(({ subject }) => subject), gone.map(({ payload }) => JSON.stringify(payload))]);
      return 'more';
    });
  }

  /** False where there were none. */
  private async removeLinks(repositoryId: string): Promise<boolean> {
    const links = await this.database.rows<{ digest: Digest }>(LINKS, [repositoryId, this.batch]);
    if (links.length === 0) return false;
    const digests = links.map(({ digest }) => digest);
    const { pullWindowSeconds } = this.options;
    await this.database.transaction((rows) => removeBlobLinks(rows, repositoryId, digests, pullWindowSeconds));
    return true;
  }
}
