import { randomUUID } from 'node:crypto';
import type { Digest, RepositoryName } from '@berth/oci';
import { GarbageStore } from './garbage.store.js';
import { type BlobObject, ReconciliationStore } from './reconciliation.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import { EVENT, imageOf, onDatabase, type RegistryFixture } from './testing/registry-fixture.js';
import type { PausingDatabase, TestDatabase } from './testing/test-databases.js';
import { type PolicyOwner, UntaggedPolicyStore } from './untagged-policy.store.js';

const NO_TIME = { graceSeconds: 0, pullWindowSeconds: 0 };

/**
 * Two that lock the same rows, stopped where each has what the other wants. A deadlock would be found by PostgreSQL and
 * its victim run again: so what is looked at is that there was none.
 */
describe('the order of locks', () => {
  let before: number;
  // In front of the hook that closes the database.
  afterEach(() => expect(deadlocks()).toBe(before));
  const on = onDatabase();
  const deadlocks = () => on.databases.postgres.logTail(1_000_000).split('deadlock detected').length - 1;
  let test: TestDatabase;
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: ReconciliationStore;
  const holder = randomUUID();
  let pausing: PausingDatabase;
  beforeEach(async () => {
    ({ test, registry } = on);
    repository = await registry.repository('acme/app');
    store = new ReconciliationStore(test.database);
    for (const task of ['objects', 'scrub'] as const) await store.acquire(task, holder, 60);
    pausing = test.pausing();
    before = deadlocks();
  });

  const blobOf = async (digest: Digest): Promise<BlobObject> => {
    const [row] = await test.rows<{ object_key: string; size: string }>(
      'SELECT object_key, size FROM registry.blob WHERE digest = $1',
      [digest],
    );
    return { digest, objectKey: row!.object_key, size: Number(row!.size) };
  };
  const overdueBlob = async (): Promise<BlobObject> => {
    const digest = await registry.blob(repository);
    await registry.setReview(repository, digest, -1);
    return blobOf(digest);
  };
  const quarantine = async (blob: BlobObject) => {
    await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    await store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 });
  };
  const inQuarantine = () => registry.count('registry.blob_quarantine');
  /** A review of the blob's link that has its locks, and is about to delete the blob's row. */
  const reviewAtBlob = async ({ digest }: BlobObject) => {
    const { reached, goOn } = pausing.pauseBefore('blob-delete-unlinked');
    const repositoryId = await registry.repositoryId(repository);
    const verdict = new GarbageStore(pausing, NO_TIME).reviewLink({ repositoryId, digest });
    await reached;
    return async () => {
      goOn();
      expect(await verdict).toBe('removed');
    };
  };
  /** Lets `other` come to where it waits, and then the first one end. */
  const behind = async <T>(end: () => Promise<void>, other: Promise<T>): Promise<T> => {
    await test.untilWaiting(1);
    await end();
    return other;
  };

  describe('of a blob that is collected', () => {
    const suspect = (blob: BlobObject) => store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
    it.each([
      ['in quarantine', 'in its repository', quarantine, 'acme/app'],
      ['in quarantine', 'in another', quarantine, 'acme/other'],
      ['suspected', 'in its repository', suspect, 'acme/app'],
      ['suspected', 'in another', suspect, 'acme/other'],
    ])('and repaired, %s, by a push %s: the push makes it again', async (_state, _where, damage, where) => {
      const blob = await overdueBlob();
      await damage(blob);
      const target = where === repository ? repository : await registry.repository(where);
      const upload = await registry.completedUpload(target, blob.digest);
      const end = await reviewAtBlob(blob);
      expect(await behind(end, registry.blobs.commitUpload(upload))).toBe('committed');
      expect(await registry.blobs.find(target, blob.digest)).toMatchObject({ objectKey: upload.objectKey });
      expect((await registry.deletions()).map(({ object_key: key }) => key)).toEqual([blob.objectKey]);
      expect(await inQuarantine()).toBe(0);
    });

    it.each<[string, (blob: BlobObject) => Promise<unknown>]>([
      ['found missing', suspect],
      ['hashed', (blob) => store.rotten(holder, blob, {})],
    ])('and %s: nothing is noted of it, and nothing fails', async (_what, find) => {
      const blob = await overdueBlob();
      const end = await reviewAtBlob(blob);
      await behind(end, find(blob));
      expect([await registry.hasBlob(blob.digest), await inQuarantine()]).toEqual([false, 0]);
    });

    it.each([
      [
        'found missing again',
        (blob: BlobObject) => store.seenAgain(holder, { ...blob, reason: 'missing' }, { needed: 2, seconds: 0 }),
      ],
      ['found to be right', (blob: BlobObject) => store.clear(holder, blob, {})],
      ['hashed again', (blob: BlobObject) => store.rotten(holder, blob, {})],
    ])('while it is suspected, and %s', async (_what, find) => {
      const blob = await overdueBlob();
      if (_what === 'hashed again') await store.rotten(holder, blob, {});
      else await store.suspect(holder, [{ ...blob, reason: 'missing' }], {});
      const end = await reviewAtBlob(blob);
      const found = find(blob);
      await end();
      await found;
      expect([await registry.hasBlob(blob.digest), await inQuarantine()]).toEqual([false, 0]);
    });
  });

  it('of what a run finds to be right again: it leaves what somebody else is deciding on, and waits for nobody', async () => {
    const blobs = [await overdueBlob(), await overdueBlob()];
    for (const blob of blobs) await quarantine(blob);
    const other = await test.session();
    await other.rows('BEGIN');
    await other.rows('DELETE FROM registry.blob_quarantine WHERE digest = $1', [blobs[0]!.digest]);
    const objects = blobs.map(({ objectKey: key, size }) => ({ key, size, modifiedAt: new Date() }));
    await store.recordRange(holder, { after: '', last: null, objects }, [], {});
    await other.rows('ROLLBACK');
    expect(await test.rows('SELECT digest FROM registry.blob_quarantine')).toEqual([{ digest: blobs[0]!.digest }]);
    await store.recordRange(holder, { after: '', last: null, objects }, [], {});
    expect(await inQuarantine()).toBe(0);
  });

  describe('of a policy that is changed', () => {
    const policies = (database = test.database) => new UntaggedPolicyStore(database, 3_600);
    const changes: [string, (by: UntaggedPolicyStore) => Promise<unknown>, string][] = [
      ...(['repository', 'organisation'] as const).map(
        (owner): [string, (by: UntaggedPolicyStore) => Promise<unknown>, string] => [
          `the ${owner}`,
          (by) => by.set({ [owner]: owner === 'repository' ? 'acme/app' : 'acme' } as unknown as PolicyOwner, 'keep'),
          `untagged-policy-set-${owner}`,
        ],
      ),
      ['the installation', (by) => by.setDefault('keep'), 'untagged-policy-set-default'],
    ];
    let image: { repositoryId: string; id: string; digest: Digest };
    beforeEach(async () => {
      await policies().setDefault(0);
      while (await policies().reviewStep());
      const { digest } = await registry.push(repository, imageOf([await registry.blob(repository)]));
      await registry.setManifestReview(repository, digest, -10, 10);
      const id = await test.value<string>('SELECT id FROM registry.manifest WHERE digest = $1', [digest]);
      image = { id, digest, repositoryId: await registry.repositoryId(repository) };
    });

    it.each(changes)('of %s, while a review judges by the old one: it waits for that', async (_whose, change) => {
      const { reached, goOn } = pausing.pauseBefore('garbage-collect-manifest');
      const verdict = new GarbageStore(pausing, NO_TIME).reviewManifest(image, () => EVENT);
      await reached;
      const changed = change(policies());
      await test.untilWaiting(1);
      goOn();
      expect(await verdict).toBe('removed');
      await changed;
    });

    it.each(changes)(
      'of %s, while a review is about to judge: the review waits, and keeps',
      async (_whose, change, at) => {
        const { reached, goOn } = pausing.pauseBefore(at);
        const changed = change(policies(pausing));
        await reached;
        const verdict = new GarbageStore(test.database, NO_TIME).reviewManifest(image, () => EVENT);
        await test.untilWaiting(1);
        goOn();
        expect(await verdict).toBe('kept');
        await changed;
      },
    );

    it('while a review holds a manifest that is to be queued: it is waited for alone', async () => {
      const { reached, goOn } = pausing.pauseBefore('garbage-collect-manifest');
      await registry.setManifestReview(repository, image.digest, -10, 10);
      const verdict = new GarbageStore(pausing, NO_TIME).reviewManifest(image, () => EVENT);
      await reached;
      await test.rows(`INSERT INTO registry.untagged_review (repository_id) VALUES ($1)`, [image.repositoryId]);
      const step = policies().reviewStep();
      goOn();
      expect([await verdict, await step]).toEqual(['removed', true]);
    });
  });

  describe('of a repository that is deleted', () => {
    const remove = () =>
      new RepositoryRemovalStore(test.database, { pullWindowSeconds: 0 }).remove(repository, () => EVENT);

    it('while a review collects the subject of what it wants', async () => {
      await new UntaggedPolicyStore(test.database, 3_600).setDefault(0);
      const config = await registry.blob(repository);
      const subject = await registry.push(repository, imageOf([config]));
      const referrers: Digest[] = [];
      // What was pushed later comes first by its digest.
      for (let n = 0; referrers.length < 2; n++) {
        const made = imageOf([config], { subject, annotations: { n: String(n) } });
        if (referrers.length === 1 && made.entry.digest > referrers[0]!) continue;
        referrers.push((await registry.push(repository, made)).digest);
      }
      await registry.setManifestReview(repository, subject.digest, -10, 10);
      const gate = await test.session();
      await gate.rows('BEGIN');
      await gate.rows('SELECT FROM registry.manifest WHERE digest = $1 FOR UPDATE', [referrers[1]!]);
      const removed = remove();
      await test.untilWaiting(1);
      const id = await test.value<string>('SELECT id FROM registry.manifest WHERE digest = $1', [subject.digest]);
      const due = { id, repositoryId: await registry.repositoryId(repository) };
      const verdict = new GarbageStore(test.database, NO_TIME).reviewManifest(due, () => EVENT);
      await test.untilWaiting(2);
      await gate.rows('COMMIT');
      expect([await removed, await verdict]).toEqual(['removed', 'removed']);
      expect(await registry.count('registry.manifest')).toBe(0);
    });

    it.each(['garbage-is-referenced', 'blob-delete-links', 'blob-delete-unlinked'])(
      'while a review of one of its links has come to %s',
      async (statement) => {
        const blob = await overdueBlob();
        await registry.blobsOf(repository, 3);
        const { reached, goOn } = pausing.pauseBefore(statement);
        const repositoryId = await registry.repositoryId(repository);
        const verdict = new GarbageStore(pausing, NO_TIME).reviewLink({ repositoryId, digest: blob.digest });
        await reached;
        const removed = remove();
        await test.untilWaiting(1);
        goOn();
        expect([await verdict, await removed]).toEqual(['removed', 'removed']);
        expect([await registry.count('registry.blob'), (await registry.deletions()).length]).toEqual([0, 4]);
      },
    );
  });
});
