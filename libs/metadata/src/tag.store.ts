import type { RepositoryName, Tag } from '@berth/oci';
import type { Database } from './database.js';

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

  /** False where there was no such tag. */
  async delete(repository: RepositoryName, tag: Tag, event: { subject: string; payload: object }): Promise<boolean> {
    const gone = await this.database.rows(DELETE, [repository, tag, event.subject, JSON.stringify(event.payload)]);
    return gone.length > 0;
  }
}
