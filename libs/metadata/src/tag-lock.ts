import type { Digest, RepositoryName, Tag } from '@berth/oci';
import type { Database } from './database.js';

const LOCK_TAG = {
  name: 'tag-lock',
  text: `SELECT manifest_id FROM registry.tag
         WHERE repository_id = (SELECT id FROM registry.repository WHERE path = $1) AND name = $2 FOR UPDATE`,
};
const NAMED = { name: 'tag-named', text: `SELECT digest FROM registry.manifest WHERE id = $1` };

/**
 * Locks a tag until the transaction of `rows` ends, and gives what it names; null where there is no such tag, which cannot
 * be locked. In two statements: a join that had to wait for the lock would look for what the tag named before.
 */
export async function lockTag(rows: Database['rows'], repository: RepositoryName, tag: Tag): Promise<Digest | null> {
  const [found] = await rows<{ manifest_id: string }>(LOCK_TAG, [repository, tag]);
  const [named] = found ? await rows<{ digest: Digest }>(NAMED, [found.manifest_id]) : [];
  return named?.digest ?? null;
}
