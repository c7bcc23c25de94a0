import type { Digest, RepositoryName, Tag } from '@berth/oci';
import type { Database } from './database.js';
import { lockTag } from './tag-lock.js';

export type DeleteTagOutcome = 'deleted' | 'unknown' | 'precondition-failed';

const LIST = {
  name: 'tag-list',
  text: `SELECT t.name FROM registry.repository r JOIN registry.tag t ON t.repository_id = r.id
         WHERE r.path = $1 AND t.name > $2 ORDER BY t.name LIMIT $3`,
};
const DELETE = {
  name: 'tag-delete',
  text: `WITH gone AS (DELETE FROM registry.tag t USING registry.repository r
           WHERE r.path = $1 AND t.repository_id = r.id AND t.name = $2 RETURNING t.name)
         INSERT INTO registry.outbox_event (id, subject, payload) SELECT gen_random_uuid(), $3, $4 FROM gone RETURNING id`,
};

/** Tags: names that move from manifest to manifest. Set by ManifestStore.put, in the transaction of the push. */
export class TagStore {
  constructor(private readonly database: Database) {}

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
}
