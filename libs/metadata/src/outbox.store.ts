import type { Database } from './database.js';

export interface OutboxEvent {
  id: string;
  subject: string;
  payload: object;
}

const PENDING = {
  name: 'outbox-pending',
  text: `SELECT id, subject, payload FROM registry.outbox_event ORDER BY sequence LIMIT $1`,
};
const REMOVE = { name: 'outbox-remove', text: `DELETE FROM registry.outbox_event WHERE id = ANY($1)` };
const OLDEST = {
  name: 'outbox-oldest',
  text: `SELECT extract(epoch FROM now() - created_at)::float8 AS age FROM registry.outbox_event ORDER BY sequence LIMIT 1`,
};
const COUNT = {
  name: 'outbox-count',
  text: `SELECT count(*)::int AS count FROM (SELECT FROM registry.outbox_event ORDER BY sequence LIMIT $1) AS counted`,
};

/** Events waiting to be published. Stores write them in the transaction that makes them true. */
export class OutboxStore {
  constructor(private readonly database: Database) {}

  /** The oldest `limit` events. They stay until `remove`: a relay that dies in between publishes them again. */
  pending(limit: number): Promise<OutboxEvent[]> {
    return this.database.rows<OutboxEvent>(PENDING, [limit]);
  }

  async remove(ids: string[]): Promise<void> {
    await this.database.rows(REMOVE, [ids]);
  }

  /** How many wait; `limit` where there are more. */
  async count(limit: number): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT, [limit]);
    return row!.count;
  }

  /** Seconds since the oldest event was written; 0 where none waits. */
  async oldestAgeSeconds(): Promise<number> {
    const [row] = await this.database.rows<{ age: number }>(OLDEST, []);
    return row?.age ?? 0;
  }
}
