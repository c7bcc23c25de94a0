import type { Database } from '@berth/metadata';
import {
  type Act,
  beginUpload,
  collect,
  compareObjects,
  deleteBlob,
  deleteManifest,
  deleteObjects,
  deleteTag,
  endUpload,
  headBlob,
  headManifest,
  mount,
  pass,
  push,
  pushBlob,
  reviewLink,
  reviewManifest,
  setPolicy,
} from './operations.js';

/** A way to break the registry: a part of a statement, or of several that have it, is another one, or a trigger is off. */
export interface Break {
  what: string;
  change: { statements: string[]; part: string; by: string } | { trigger: string; table: string };
  /** The shortest history that shows it. */
  history: Act[];
}

const ofStatement = (
  what: string,
  statement: string | string[],
  [part, by]: [string, string],
  history: Act[],
): Break => ({ what, change: { statements: [statement].flat(), part, by }, history });
const withoutTrigger = (what: string, table: string, trigger: string, history: Act[]): Break => ({
  what,
  change: { trigger, table },
  history,
});

/** A lease is two and a half hours, a grace and a pull window less than one. */
export const BREAKS: Break[] = [
  ofStatement(
    'an upload gives no lease',
    'blob-commit-upload',
    ['secs => $7', 'secs => $7 * 0'],
    [pushBlob('a', 'base'), pass(1), reviewLink(0, true)],
  ),
  ofStatement(
    'a mount gives no lease',
    'blob-mount',
    ['secs => $4', 'secs => $4 * 0'],
    [pushBlob('a', 'base'), mount('b', 'base', 'a'), pass(1), reviewLink(0, true)],
  ),
  ofStatement(
    'a HEAD of a blob gives no lease',
    'blob-find-for-push',
    ['AS wants_lease', 'AND false AS wants_lease'],
    [pushBlob('a', 'base'), pass(2), headBlob('a', 'base'), pass(2), reviewLink(0, true)],
  ),
  ofStatement(
    'a HEAD of a manifest gives no lease',
    'manifest-find-for-push',
    ['AS wants_lease', 'AND false AS wants_lease'],
    [push('a', 'web', null), setPolicy('a', 0), pass(2), headManifest('a', 'web'), pass(1), reviewManifest(0, true)],
  ),
  ofStatement(
    'a push by digest gives no lease',
    'manifest-put',
    ['secs => $16', 'secs => $16 * 0'],
    [push('a', 'web', null), setPolicy('a', 0), reviewManifest(0, true)],
  ),
  ofStatement(
    'a link is not looked at again under its lock',
    'garbage-lock-link',
    [' AS due', ' OR true AS due'],
    [
      pushBlob('a', 'base'),
      pushBlob('a', 'code'),
      pass(4),
      reviewLink(0, true),
      headBlob('a', 'code'),
      reviewLink(1, false),
    ],
  ),
  ofStatement(
    'a manifest is not looked at again',
    'garbage-lock-manifest',
    [' AS due', ' OR true AS due'],
    [
      push('a', 'web', null),
      push('a', 'job', null),
      setPolicy('a', 0),
      pass(3),
      reviewManifest(0, true),
      headManifest('a', 'job'),
      reviewManifest(1, false),
    ],
  ),
  ofStatement(
    'a review does not look for references',
    'garbage-is-referenced',
    ['WHERE', 'WHERE false AND'],
    [push('a', 'web', 'v1'), pass(4), reviewLink(0, true)],
  ),
  ofStatement(
    'an index does not keep what it lists',
    'garbage-judge-manifest',
    ['c.child_id = m.id', 'c.child_id = m.id AND false'],
    [push('a', 'both', 'v1'), setPolicy('a', 0), pass(3), reviewManifest(0, true)],
  ),
  ofStatement(
    'a subject does not keep its referrers',
    'garbage-judge-manifest',
    ['s.digest = m.subject_digest', 'false'],
    [push('a', 'web', 'v1'), push('a', 'seal', null), setPolicy('a', 0), pass(3), reviewManifest(0, true)],
  ),
  ofStatement(
    'the pull window is not waited for',
    'blob-delete-unlinked',
    ['secs => $2', 'secs => $2 * 0'],
    [pushBlob('a', 'base'), pass(4), reviewLink(0, true), deleteObjects],
  ),
  ofStatement(
    'an object is queued while a row needs it',
    'blob-delete-unlinked',
    ['FROM gone', 'FROM registry.blob WHERE digest = ANY($1)'],
    [pushBlob('a', 'base'), mount('b', 'base', 'a'), pass(4), reviewLink(0, true), pass(1), deleteObjects],
  ),
  ofStatement(
    'an object is removed during its upload',
    ['reconciliation-count-due', 'reconciliation-queue-orphans'],
    ['storage.upload_session', '(SELECT * FROM storage.upload_session WHERE false)'],
    [
      beginUpload('a', 'base'),
      compareObjects(false),
      pass(1),
      deleteObjects,
      endUpload(0, false),
      compareObjects(false),
    ],
  ),
  ofStatement(
    'a policy that changes queues nothing',
    'untagged-policy-set-repository',
    ['FROM changed', 'FROM changed WHERE false'],
    [push('a', 'web', 'v1'), deleteTag('a', 'v1'), collect, setPolicy('a', 0), collect],
  ),
  withoutTrigger('a manifest that goes queues no link', 'manifest_blob', 'manifest_blob_removed', [
    push('a', 'web', 'v1'),
    pass(4),
    collect,
    deleteManifest('a', 'web'),
    pass(1),
    collect,
  ]),
  withoutTrigger('an index that goes queues nothing that it lists', 'manifest_child', 'manifest_child_removed', [
    push('a', 'both', 'v1'),
    setPolicy('a', 0),
    pass(4),
    collect,
    deleteManifest('a', 'both'),
    collect,
  ]),
  withoutTrigger('a subject that goes queues no referrer', 'manifest', 'manifest_deleted', [
    push('a', 'web', 'v1'),
    push('a', 'seal', null),
    setPolicy('a', 0),
    pass(4),
    collect,
    deleteManifest('a', 'web'),
    collect,
  ]),
  withoutTrigger('a tag that moves queues nothing', 'tag', 'tag_moved', [
    push('a', 'web', 'v1'),
    setPolicy('a', 0),
    collect,
    push('a', 'job', 'v1'),
    collect,
  ]),
  withoutTrigger('tags that go are not counted', 'tag', 'tags_gone', [push('a', 'web', 'v1'), deleteTag('a', 'v1')]),
  withoutTrigger('links that go are not counted', 'repository_blob', 'repository_blobs_gone', [
    pushBlob('a', 'base'),
    deleteBlob('a', 'base'),
  ]),
];

type Statement = Parameters<Database['rows']>[0];
let broken = 0;

/** Breaks what runs on this database, until the answer is called. Throws where a statement has no such part. */
export async function breakIt(database: Database, { what, change }: Break): Promise<() => Promise<void>> {
  if ('trigger' in change) {
    const { trigger, table } = change;
    const turn = async (way: 'DISABLE' | 'ENABLE') => {
      await database.rows({ text: `ALTER TABLE registry.${table} ${way} TRIGGER ${trigger}` }, []);
    };
    await turn('DISABLE');
    return () => turn('ENABLE');
  }
  const { statements, part, by } = change;
  const number = ++broken;
  const changed = (given: Statement): Statement => {
    if (!given.name || !statements.includes(given.name)) return given;
    if (!given.text.includes(part)) throw new Error(`${what}: there is no ${part} in ${given.name}`);
    // A name of its own: PostgreSQL has a plan by the first one.
    return { name: `${given.name}-broken-${number}`, text: given.text.replace(part, by) };
  };
  const around =
    (run: Database['rows']): Database['rows'] =>
    (given, values) =>
      run(changed(given), values);
  const rows = database.rows.bind(database);
  const transaction = database.transaction.bind(database);
  database.rows = around(rows);
  database.transaction = (work) => transaction((inside) => work(around(inside)));
  return async () => void Object.assign(database, { rows, transaction });
}
