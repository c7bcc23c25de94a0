import type { Tag } from '@berth/oci';
import type { Database } from './database.js';

const LOCK = {
  name: 'tag-quota-lock',
  text: `SELECT FROM registry.repository WHERE id = $1 FOR NO KEY UPDATE`,
};
const COUNT = {
  name: 'tag-quota-count',
  text: `SELECT
      (SELECT count(*) FROM unnest($2::text[]) AS given(name)
        WHERE NOT EXISTS (SELECT FROM registry.tag t WHERE t.repository_id = $1 AND t.name = given.name))::int AS made,
      (SELECT count(*) FROM (SELECT FROM registry.tag WHERE repository_id = $1 ORDER BY name LIMIT $3) AS held)::int AS held`,
};

/**
 * Locks what the quota counts until the transaction of `rows` ends, so that two cannot pass it together. To be taken before
 * the locks of tags.
 */
export async function lockTagQuota(rows: Database['rows'], repositoryId: string): Promise<void> {
  await rows(LOCK, [repositoryId]);
}

/** Whether the repository, under `lockTagQuota`, may come to have these tags, each named once. What is there may stay. */
export async function fitsTagQuota(
  rows: Database['rows'],
  repositoryId: string,
  tags: Tag[],
  quota: number,
): Promise<boolean> {
  const [count] = await rows<{ made: number; held: number }>(COUNT, [repositoryId, tags, quota]);
  const { made, held } = count!;
  return made === 0 || held + made <= quota;
}
