import type { Digest, RepositoryName } from '@berth/oci';
import type { Database } from './database.js';
import { GarbageStore } from './garbage.store.js';
import { ManifestStore, type PutManifestOutcome } from './manifest.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import {
  imageOf,
  indexOf,
  type ManifestOfTest,
  newManifest,
  onDatabase,
  PULL_WINDOW_SECONDS,
} from './testing/registry-fixture.js';

const DELETED = 'manifest.deleted';
const TABLES = ['repository', 'manifest', 'repository_blob', 'blob', 'repository_pulls', 'repository_statistics'];

describe(RepositoryRemovalStore, () => {
  const on = onDatabase();
  let repository: RepositoryName;
  beforeEach(async () => {
    repository = await on.registry.repository();
  });

  const removal = (database: Database = on.test.database, batch = 2) =>
    new RepositoryRemovalStore(database, { pullWindowSeconds: PULL_WINDOW_SECONDS, batch });
  const event = (digest: Digest) => ({ subject: DELETED, payload: { digest } });
  const remove = (database?: Database, batch?: number) => removal(database, batch).remove(repository, event);
  const exists = () =>
    on.test.value<boolean>('SELECT EXISTS (SELECT FROM registry.repository WHERE path = $1)', [repository]);
  const manifestId = (digest: Digest) =>
    on.test.value<string>('SELECT id FROM registry.manifest WHERE digest = $1', [digest]);
  /** Whatever a tag names is there, with a link for each of its blobs. */
  const brokenTags = () =>
    on.test.value<number>(
      `SELECT count(*)::int FROM registry.tag t JOIN registry.manifest m ON m.id = t.manifest_id,
         LATERAL jsonb_array_elements(convert_from(m.payload, 'UTF8')::jsonb -> 'layers') AS layer
       WHERE NOT EXISTS (SELECT FROM registry.repository_blob rb JOIN registry.blob b ON b.digest = rb.digest
         WHERE rb.repository_id = t.repository_id AND rb.digest = layer ->> 'digest')`,
    );

  async function images(count: number): Promise<ManifestOfTest[]> {
    const made: ManifestOfTest[] = [];
    for (let n = 0; n < count; n++) made.push(imageOf(await on.registry.blobsOf(repository, 2)));
    for (const image of made) await on.registry.push(repository, image);
    return made;
  }

  it('takes a repository away with all that it has, an index before its children, and tells of each manifest', async () => {
    const [one, two, three] = await images(3);
    const index = indexOf([one!.entry, two!.entry]);
    await on.registry.push(repository, index);
    await on.registry.push(repository, indexOf([index.entry, three!.entry]));
    await on.registry.push(repository, imageOf(await on.registry.blobsOf(repository, 1), { subject: one!.entry }));
    await on.registry.blobsOf(repository, 5);
    const repositoryId = await on.registry.repositoryId(repository);
    await on.test.rows(`INSERT INTO registry.repository_pulls VALUES ($1, 7)`, [repositoryId]);
    await on.test.rows(
      `INSERT INTO manage.repository_permission (repository_id, user_id, auth) SELECT $1, id, 7 FROM auth."user"`,
      [repositoryId],
    );
    await on.test.rows(
      `INSERT INTO manage.repository_share (repository_id, account_id) SELECT $1, id FROM auth.account`,
      [repositoryId],
    );

    expect(await remove()).toBe('removed');
    for (const table of TABLES) {
      expect({ table, rows: await on.registry.count(`registry.${table}`) }).toEqual({ table, rows: 0 });
    }
    expect(await on.test.value('SELECT sum(repository_count)::int FROM registry.organisation_statistics')).toBe(0);
    expect(await on.registry.count('manage.repository_permission')).toBe(0);
    expect(await on.registry.count('manage.repository_share')).toBe(0);
    const deletions = await on.registry.deletions();
    expect(deletions).toHaveLength(12);
    expect(Math.min(...deletions.map(({ seconds }) => seconds))).toBeGreaterThan(PULL_WINDOW_SECONDS - 60);
    const told = `SELECT payload ->> 'digest' AS digest FROM registry.outbox_event WHERE subject = $1`;
    expect(new Set((await on.test.rows<{ digest: string }>(told, [DELETED])).map(({ digest }) => digest)).size).toBe(6);
    expect(await remove()).toBe('unknown');
  });

  it('leaves what another repository has of the same blobs', async () => {
    const [image] = await images(1);
    const other = await on.registry.repository();
    const [digest] = image!.bytes.toString().match(/sha256:[0-9a-f]{64}/)!;
    await on.registry.blobs.mount(other, repository, digest as Digest);
    expect(await remove()).toBe('removed');
    expect(await on.registry.blobs.find(other, digest as Digest)).toMatchObject({ digest });
    expect(await on.registry.deletions()).toHaveLength(1);
  });

  it('refuses one with a tag, and changes nothing', async () => {
    await images(3);
    await on.registry.push(repository, imageOf(await on.registry.blobsOf(repository, 2)), ['v1']);
    expect(await remove()).toBe('not-empty');
    expect(await on.registry.count('registry.manifest')).toBe(4);
    expect(await on.registry.count('registry.repository_blob')).toBe(8);
  });

  it('removes no more at once than it may', async () => {
    await images(5);
    const database = on.test.pausing();
    const removed = remove(database);
    for (const left of [5, 3, 1]) {
      const pause = database.pauseBefore('removal-lock-manifests');
      await pause.reached;
      expect(await on.registry.count('registry.manifest')).toBe(left);
      const links = database.pauseBefore('removal-delete-manifests');
      pause.goOn();
      await links.reached;
      links.goOn();
    }
    for (const left of [10, 8]) {
      const pause = database.pauseBefore('blob-lock');
      await pause.reached;
      expect(await on.registry.count('registry.repository_blob')).toBe(left);
      pause.goOn();
    }
    expect(await removed).toBe('removed');
  });

  it('takes what has a subject before the subject, so that no step touches more than it may', async () => {
    const [subject] = await images(1);
    const [digest] = await on.registry.blobsOf(repository, 1);
    for (let n = 0; n < 5; n++) {
      const annotations = { n: String(n) };
      await on.registry.push(repository, imageOf([digest!], { subject: subject!.entry, annotations }));
    }
    const database = on.test.pausing();
    const removed = remove(database);
    for (const left of [6, 4, 2]) {
      const pause = database.pauseBefore('removal-still-free');
      await pause.reached;
      expect(await on.registry.count('registry.manifest')).toBe(left);
      expect(await manifestId(subject!.entry.digest)).toBeDefined();
      pause.goOn();
    }
    expect(await removed).toBe('removed');
  });

  describe('with a push at the same time', () => {
    it('sees the tag that a push sets while it waits for the manifest', async () => {
      const [image] = await images(1);
      const push = await on.test.session();
      await push.rows('BEGIN');
      await push.rows(`INSERT INTO registry.tag (repository_id, name, manifest_id) VALUES ($1, 'v1', $2)`, [
        await on.registry.repositoryId(repository),
        await manifestId(image!.entry.digest),
      ]);
      const removed = remove();
      await on.test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await removed).toBe('not-empty');
      expect(await on.registry.manifests.find(repository, { kind: 'tag', tag: 'v1' as never }, [])).toMatchObject({
        digest: image!.entry.digest,
      });
      expect(await brokenTags()).toBe(0);
    });

    it('sees the index that takes a child which it has chosen, and takes the index first', async () => {
      const [child] = await images(1);
      const index = indexOf([child!.entry]);
      const push = await on.test.session();
      await push.rows('BEGIN');
      await push.rows(
        `WITH made AS (INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload)
           VALUES ($1, $2, 'application/vnd.oci.image.index.v1+json', 2, 2, '{}') RETURNING id)
         INSERT INTO registry.manifest_child (parent_id, child_id) SELECT id, $3 FROM made`,
        [await on.registry.repositoryId(repository), index.entry.digest, await manifestId(child!.entry.digest)],
      );
      const removed = remove();
      await on.test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await removed).toBe('removed');
      expect(await on.registry.count('registry.manifest')).toBe(0);
    });

    it('lets an index fail whose child it has locked', async () => {
      const [child] = await images(1);
      const database = on.test.pausing();
      const pause = database.pauseBefore('removal-still-free');
      const removed = remove(database);
      await pause.reached;
      const pushed = on.registry.put(repository, indexOf([child!.entry]), ['v1']);
      await on.test.untilWaiting(1);
      pause.goOn();
      expect(await removed).toBe('removed');
      expect(await pushed).not.toBe('stored');
    });

    it('gives way to an image that is pushed between the manifests and the links', async () => {
      const [image] = await images(1);
      const database = on.test.pausing();
      const pause = database.pauseBefore('blob-lock');
      const removed = remove(database);
      await pause.reached;
      expect(await on.registry.put(repository, image!, ['v1'])).toBe('stored');
      pause.goOn();
      expect(await removed).toBe('not-empty');
      expect(await brokenTags()).toBe(0);
      expect(await on.registry.count('registry.repository_blob')).toBe(2);
    });

    it('lets an image fail whose blobs it is about to take', async () => {
      const [image] = await images(1);
      const database = on.test.pausing();
      const pause = database.pauseBefore('blob-delete-unlinked');
      const removed = remove(database);
      await pause.reached;
      const pushed = on.registry.put(repository, image!, ['v1']);
      await on.test.untilWaiting(1);
      pause.goOn();
      expect(await removed).toBe('removed');
      expect(await pushed).not.toBe('stored');
    });

    it('gives way to a manifest of nothing that comes before the row goes', async () => {
      const holder = await on.test.session();
      await holder.rows('BEGIN');
      await holder.rows('SELECT FROM registry.repository WHERE path = $1 FOR KEY SHARE', [repository]);
      const removed = remove();
      await on.test.untilWaiting(1);
      expect(await on.registry.put(repository, indexOf([]), ['v1'])).toBe('stored');
      await holder.rows('COMMIT');
      expect(await removed).toBe('not-empty');
      expect(await exists()).toBe(true);
    });

    it('lets what comes behind the end of the row find no repository: a manifest, an upload and a mount', async () => {
      const other = await on.registry.repository();
      const digest = await on.registry.blob(other);
      const upload = await on.registry.completedUpload(repository);
      const end = await on.test.session();
      await end.rows('BEGIN');
      await end.rows('DELETE FROM registry.repository WHERE path = $1', [repository]);
      const late = [
        on.registry.put(repository, indexOf([]), ['v1']),
        on.registry.blobs.commitUpload(upload),
        on.registry.blobs.mount(repository, other, digest),
      ];
      await on.test.untilWaiting(3);
      await end.rows('COMMIT');
      expect(await Promise.all(late)).toEqual(['repository-unknown', 'repository-unknown', false]);
    });
  });

  it('by several at once removes it once', async () => {
    await images(5);
    const databases = [on.test.another(), on.test.another(), on.test.another()];
    const outcomes = await Promise.all(databases.map((database) => remove(database)));
    expect(outcomes.sort()).toEqual(['removed', 'unknown', 'unknown']);
  });

  it('of repositories that share their blobs queues each object once', async () => {
    const digests = await on.registry.blobsOf(repository, 20);
    const other = await on.registry.repository();
    for (const digest of digests) await on.registry.blobs.mount(other, repository, digest);
    for (const name of [repository, other]) await on.registry.push(name, imageOf(digests));
    const outcomes = await Promise.all([repository, other].map((name) => removal().remove(name, event)));
    expect(outcomes).toEqual(['removed', 'removed']);
    expect(await on.registry.count('registry.blob')).toBe(0);
    expect(await on.registry.deletions()).toHaveLength(20);
  });

  it('among pushes and reviews loses no image that was acknowledged', async () => {
    const garbage = [on.test.another(), on.test.another()].map(
      (database) => new GarbageStore(database, { graceSeconds: 0, pullWindowSeconds: PULL_WINDOW_SECONDS }),
    );
    for (let round = 0; round < 8; round++) {
      repository = await on.registry.repository();
      const made = await images(6);
      await on.test.rows('UPDATE registry.repository_blob SET review_after = now()');
      const pushers = made.map(() => new ManifestStore(on.test.database));
      const review = async (store: GarbageStore) => {
        for (const link of await store.dueLinks(20)) await store.reviewLink(link);
      };
      const pushes: Promise<PutManifestOutcome>[] = [];
      const removals = [remove(undefined, 1), remove(undefined, 3)];
      for (const [n, image] of made.entries()) {
        pushes.push(pushers[n]!.put(newManifest(repository, image, [`v${n}`])));
      }
      await Promise.all(garbage.map(review));
      const [outcomes, ends] = [await Promise.all(pushes), await Promise.all(removals)];
      const stored = outcomes.filter((outcome) => outcome === 'stored').length;
      expect(ends.includes('removed')).toBe(stored === 0);
      expect(
        await on.test.value(
          'SELECT count(*)::int FROM registry.tag t JOIN registry.repository r ON r.id = t.repository_id WHERE r.path = $1',
          [repository],
        ),
      ).toBe(stored);
      expect(await brokenTags()).toBe(0);
    }
  });
});
