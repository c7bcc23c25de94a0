import { type Digest, type RepositoryName } from '@berth/oci';
import { GarbageStore, QUEUES } from './garbage.store.js';
import { imageOf, onDatabase, PULL_WINDOW_SECONDS, type RegistryFixture } from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

const GRACE_SECONDS = 100;
const TIMING = { graceSeconds: GRACE_SECONDS, pullWindowSeconds: PULL_WINDOW_SECONDS };

describe(GarbageStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: GarbageStore;

  beforeEach(async () => {
    ({ test, registry } = on);
    repository = await registry.repository();
    store = new GarbageStore(test.database, TIMING);
  });

  const linkOf = async (digest: Digest, where = repository) => ({
    repositoryId: await registry.repositoryId(where),
    digest,
  });
  /** A blob whose lease and grace are over. */
  const overdueBlob = async () => {
    const digest = await registry.blob(repository);
    await registry.setReview(repository, digest, -GRACE_SECONDS - 1);
    return digest;
  };
  const review = async (digest: Digest, by = store) => by.reviewLink(await linkOf(digest));
  const queueObject = (key: string, seconds: number, attempts = 0) =>
    test.rows(
      `INSERT INTO registry.object_deletion (object_key, size, not_before, attempts)
       VALUES ($1, 7, now() + make_interval(secs => $2), $3)`,
      [key, seconds, attempts],
    );
  /** Every blob that a row promises has its row: what a client was told is there is there. */
  const nothingDangles = async () =>
    expect(
      await test.rows(`SELECT rb.digest FROM registry.repository_blob rb
        LEFT JOIN registry.blob b ON b.digest = rb.digest WHERE b.digest IS NULL`),
    ).toEqual([]);

  describe('dueLinks', () => {
    it('gives links whose protection ended more than the grace ago, by the clock of the database', async () => {
      const due = await overdueBlob();
      const inGrace = await registry.blob(repository);
      await registry.setReview(repository, inGrace, -GRACE_SECONDS + 30);
      await registry.blob(repository);
      jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout'] });
      try {
        expect(await store.dueLinks(10)).toEqual([await linkOf(due)]);
        jest.setSystemTime(Date.UTC(2100));
        expect(await store.dueLinks(10)).toEqual([await linkOf(due)]);
      } finally {
        jest.useRealTimers();
      }
    });

    it('gives the longest due first, and no more than it was asked for', async () => {
      const [later, earlier] = [await overdueBlob(), await overdueBlob()];
      await registry.setReview(repository, earlier, -10_000);
      expect((await store.dueLinks(1)).map(({ digest }) => digest)).toEqual([earlier]);
      expect((await store.dueLinks(5)).map(({ digest }) => digest)).toEqual([earlier, later]);
    });

    it('does not give links that are settled', async () => {
      await registry.setReview(repository, await registry.blob(repository), null);
      expect(await store.dueLinks(10)).toEqual([]);
    });
  });

  describe('reviewLink', () => {
    it('leaves the object for the whole window after its row went, however long that waited for locks', async () => {
      const digest = await overdueBlob();
      const session = await test.session();
      await session.rows('BEGIN');
      await session.rows('SELECT 1 FROM registry.blob WHERE digest = $1 FOR UPDATE', [digest]);
      const reviewed = review(digest);
      await test.untilWaiting(1);
      await session.rows('SELECT pg_sleep(2)');
      const waited = (await session.rows('SELECT clock_timestamp() AS at'))[0]!['at'];
      await session.rows('COMMIT');
      expect(await reviewed).toBe('removed');
      const seconds = await test.value<number>(
        'SELECT extract(epoch FROM not_before - $1)::float8 FROM registry.object_deletion',
        [waited],
      );
      expect(seconds).toBeGreaterThan(PULL_WINDOW_SECONDS - 0.01);
    });

    it('removes an orphan, and queues its object until no granted read can run any more', async () => {
      const digest = await overdueBlob();
      const { objectKey } = (await registry.blobs.find(repository, digest))!;
      expect(await review(digest)).toBe('removed');
      expect(await registry.hasBlob(digest)).toBe(false);
      const deletions = await registry.deletions();
      expect(deletions).toMatchObject([{ object_key: objectKey }]);
      expect(deletions[0]!.seconds).toBeGreaterThan(PULL_WINDOW_SECONDS - 60);
    });

    it('removes the link and keeps the blob while another repository has it', async () => {
      const digest = await overdueBlob();
      const other = await registry.repository();
      await registry.blobs.mount(other, repository, digest);
      expect(await review(digest)).toBe('removed');
      expect(await registry.blobs.find(repository, digest)).toBeNull();
      expect(await registry.blobs.find(other, digest)).not.toBeNull();
      expect(await registry.deletions()).toEqual([]);
    });

    it('settles a link that a manifest of the repository references', async () => {
      const digest = await registry.blob(repository);
      await registry.push(repository, imageOf([digest]));
      await registry.setReview(repository, digest, -GRACE_SECONDS - 1);
      expect(await review(digest)).toBe('referenced');
      expect(await registry.reviewOf(repository, digest)).toBeNull();
      expect(await store.dueLinks(10)).toEqual([]);
    });

    it('removes a link that only a manifest of another repository references', async () => {
      const digest = await registry.blob(repository);
      const other = await registry.repository();
      await registry.blobs.mount(other, repository, digest);
      await registry.push(other, imageOf([digest]));
      await registry.setReview(repository, digest, -GRACE_SECONDS - 1);
      expect(await review(digest)).toBe('removed');
      expect(await registry.blobs.find(other, digest)).not.toBeNull();
    });

    it('leaves a link that is protected again since it was handed out', async () => {
      const digest = await overdueBlob();
      const [due] = await store.dueLinks(1);
      await registry.blobs.findAndLease(repository, digest);
      expect(await store.reviewLink(due!)).toBe('not-due');
      expect(await registry.blobs.find(repository, digest)).not.toBeNull();
    });

    it('leaves a link in its grace, a settled one, and one that is gone', async () => {
      const digest = await registry.blob(repository);
      await registry.setReview(repository, digest, -GRACE_SECONDS + 30);
      expect(await review(digest)).toBe('not-due');
      await registry.setReview(repository, digest, null);
      expect(await review(digest)).toBe('not-due');
      await registry.blobs.unlink(repository, digest);
      expect(await review(digest)).toBe('not-due');
    });

    it('collects what a deleted manifest leaves behind, after the grace', async () => {
      const blobs = await registry.blobsOf(repository, 3);
      const { digest } = await registry.push(repository, imageOf(blobs), ['latest']);
      for (const blob of blobs) await registry.setReview(repository, blob, null);
      await registry.remove(repository, digest);
      expect(await store.dueLinks(10)).toEqual([]);
      const impatient = new GarbageStore(test.database, { graceSeconds: 0, pullWindowSeconds: 0 });
      const due = await impatient.dueLinks(10);
      expect(due.map((link) => link.digest).sort()).toEqual(blobs.sort());
      for (const link of due) expect(await impatient.reviewLink(link)).toBe('removed');
      expect(await registry.count('registry.blob')).toBe(0);
      expect(await registry.deletions()).toHaveLength(3);
    });
  });

  describe('races with pushes', () => {
    /** Stands in the way of reviews: they begin, and stop at their first lock until `open`. */
    const gateOn = async (table: 'blob' | 'repository_blob', digest: Digest) => {
      const session = await test.session();
      await session.rows('BEGIN');
      await session.rows(`SELECT 1 FROM registry.${table} WHERE digest = $1 FOR UPDATE`, [digest]);
      return { open: () => session.rows('COMMIT') };
    };
    /** A review that has its locks, and goes on to decide when it is told to. */
    const reviewThatHoldsItsLocks = async (digest: Digest) => {
      const database = test.pausing();
      const { reached, goOn } = database.pauseBefore('garbage-is-referenced');
      const verdict = review(digest, new GarbageStore(database, TIMING));
      await reached;
      return {
        finish: () => {
          goOn();
          return verdict;
        },
      };
    };

    it('R1: keeps a blob that a HEAD found before the review had its locks', async () => {
      const digest = await overdueBlob();
      const gate = await gateOn('blob', digest);
      const verdict = review(digest);
      await test.untilWaiting(1);
      expect(await registry.blobs.findAndLease(repository, digest)).not.toBeNull();
      await gate.open();
      expect(await verdict).toBe('not-due');
      expect(await registry.put(repository, imageOf([digest]), ['latest'])).toBe('stored');
    });

    it('R1: keeps a blob that a HEAD found in a manifest, which then went, for the grace', async () => {
      const digest = await registry.blob(repository);
      const { digest: manifest } = await registry.push(repository, imageOf([digest]));
      await registry.setReview(repository, digest, null);
      expect(await registry.blobs.findAndLease(repository, digest)).not.toBeNull();
      await registry.remove(repository, manifest);
      expect(await store.dueLinks(10)).toEqual([]);
      expect(await review(digest)).toBe('not-due');
      expect(await registry.put(repository, imageOf([digest]), ['latest'])).toBe('stored');
    });

    it('R1: lets a HEAD that comes after the review had its locks find nothing, so that the client uploads', async () => {
      const digest = await overdueBlob();
      const collector = await reviewThatHoldsItsLocks(digest);
      const head = registry.blobs.findAndLease(repository, digest);
      await test.untilWaiting(1);
      expect(await collector.finish()).toBe('removed');
      expect(await head).toBeNull();
      await registry.blob(repository, digest);
      expect(await registry.put(repository, imageOf([digest]))).toBe('stored');
    });

    it('R2: keeps a blob that was mounted elsewhere before the last manifest at home went', async () => {
      const digest = await registry.blob(repository);
      const { digest: manifest } = await registry.push(repository, imageOf([digest]));
      const other = await registry.repository();
      expect(await registry.blobs.mount(other, repository, digest)).toBe(true);
      await registry.remove(repository, manifest);
      const impatient = new GarbageStore(test.database, { graceSeconds: 0, pullWindowSeconds: 0 });
      await registry.setReview(repository, digest, -1);
      for (const link of await impatient.dueLinks(10)) await impatient.reviewLink(link);
      expect(await registry.blobs.find(repository, digest)).toBeNull();
      expect(await registry.put(other, imageOf([digest]))).toBe('stored');
    });

    it.each([
      ['in the repository that loses its link', true],
      ['in another repository', false],
    ])('R3: makes an upload true %s when the review removes the old bytes first', async (_where, same) => {
      const digest = await overdueBlob();
      const old = (await registry.blobs.find(repository, digest))!.objectKey;
      const target = same ? repository : await registry.repository();
      const upload = await registry.completedUpload(target, digest);
      const collector = await reviewThatHoldsItsLocks(digest);
      const committed = registry.blobs.commitUpload(upload);
      await test.untilWaiting(1);
      expect(await collector.finish()).toBe('removed');
      expect(await committed).toBe('committed');
      expect(await registry.blobs.find(target, digest)).toMatchObject({ objectKey: upload.objectKey });
      expect(await registry.deletions()).toMatchObject([{ object_key: old }]);
      await nothingDangles();
    });

    it('R3: keeps the old bytes when the upload of the same digest is committed before the review has its locks', async () => {
      const digest = await overdueBlob();
      const old = (await registry.blobs.find(repository, digest))!.objectKey;
      const gate = await gateOn('blob', digest);
      const verdict = review(digest);
      await test.untilWaiting(1);
      const upload = await registry.completedUpload(repository, digest);
      expect(await registry.blobs.commitUpload(upload)).toBe('committed');
      await gate.open();
      expect(await verdict).toBe('not-due');
      expect(await registry.blobs.find(repository, digest)).toMatchObject({ objectKey: old });
      expect(await registry.deletions()).toMatchObject([{ object_key: upload.objectKey }]);
    });

    it('R5: never queues the object of a digest that was uploaded again after it was removed', async () => {
      const digest = await overdueBlob();
      const old = (await registry.blobs.find(repository, digest))!.objectKey;
      await review(digest);
      await registry.blob(repository, digest);
      const fresh = (await registry.blobs.find(repository, digest))!.objectKey;
      expect(fresh).not.toBe(old);
      expect((await registry.deletions()).map(({ object_key }) => object_key)).toEqual([old]);
    });

    it('sees a manifest that was pushed while it waited for the lock of the link', async () => {
      const digest = await overdueBlob();
      const gate = await gateOn('blob', digest);
      const verdict = review(digest);
      await test.untilWaiting(1);
      expect(await registry.put(repository, imageOf([digest]))).toBe('stored');
      await gate.open();
      expect(await verdict).toBe('referenced');
      expect(await registry.blobs.find(repository, digest)).not.toBeNull();
    });

    it('R13: makes a manifest wait that comes after the review had its locks, and then refuses it as a whole', async () => {
      const digest = await overdueBlob();
      const kept = await registry.blob(repository);
      const collector = await reviewThatHoldsItsLocks(digest);
      const put = registry.put(repository, imageOf([kept, digest]), ['latest']);
      await test.untilWaiting(1);
      expect(await collector.finish()).toBe('removed');
      expect(await put).toMatchObject({ missing: [{ digest }] });
      expect(await registry.count('registry.manifest')).toBe(0);
      expect(await registry.count('registry.tag')).toBe(0);
    });

    it('R7: lets two workers review one link: it is removed once, and its object queued once', async () => {
      const digest = await overdueBlob();
      const gate = await gateOn('blob', digest);
      const verdicts = [review(digest), review(digest, new GarbageStore(test.another(), TIMING))];
      await test.untilWaiting(2);
      await gate.open();
      expect((await Promise.all(verdicts)).sort()).toEqual(['not-due', 'removed']);
      expect(await registry.deletions()).toHaveLength(1);
    });

    it('R4: changes nothing when its connection is cut before it commits', async () => {
      const digest = await overdueBlob();
      const gate = await gateOn('repository_blob', digest);
      const verdict = review(digest);
      const failed = expect(verdict).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await test.untilWaiting(1);
      await test.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`);
      await failed;
      await gate.open();
      expect(await registry.blobs.find(repository, digest)).not.toBeNull();
      expect(await registry.deletions()).toEqual([]);
      expect(await review(digest)).toBe('removed');
    });

    it('R26: keeps one blob of many repositories while one of them still has it', async () => {
      const digest = await registry.blob(repository);
      const others = await Promise.all(Array.from({ length: 20 }, () => registry.repository()));
      for (const other of others) await registry.blobs.mount(other, repository, digest);
      await test.rows(`UPDATE registry.repository_blob SET review_after = now() - interval '1 day'`);
      await registry.push(others[7]!, imageOf([digest]));
      const verdicts = await Promise.all((await store.dueLinks(100)).map((link) => store.reviewLink(link)));
      expect(verdicts.filter((verdict) => verdict === 'removed')).toHaveLength(20);
      expect(await registry.blobs.find(others[7]!, digest)).not.toBeNull();
      expect(await registry.deletions()).toEqual([]);
    });
  });

  describe('object deletions', () => {
    const keys = (limit = 10) => store.takeObjectDeletions(limit);

    it('hands out objects that are due, the longest due first', async () => {
      await queueObject('later', -1);
      await queueObject('sooner', -100);
      await queueObject('waiting', 60);
      expect(await keys(1)).toEqual(['sooner']);
      expect(await keys()).toEqual(['later']);
    });

    it('does not hand out the same object twice at once', async () => {
      for (let n = 0; n < 20; n++) await queueObject(`object${n}`, -1);
      const other = new GarbageStore(test.another(), TIMING);
      const [mine, theirs] = await Promise.all([store.takeObjectDeletions(20), other.takeObjectDeletions(20)]);
      const handedOut = [...mine, ...theirs];
      expect(handedOut).toHaveLength(new Set(handedOut).size);
      expect(handedOut).toHaveLength(20);
    });

    it('passes over an object that another worker is taking, instead of waiting for it', async () => {
      await queueObject('taken', -100);
      await queueObject('free', -1);
      const other = await test.session();
      await other.rows('BEGIN');
      await other.rows(`SELECT 1 FROM registry.object_deletion WHERE object_key = 'taken' FOR UPDATE`);
      expect(await keys()).toEqual(['free']);
      await other.rows('ROLLBACK');
    });

    it.each([
      [0, 30],
      [1, 60],
      [4, 480],
      [10, 3_600],
      [1_000, 3_600],
    ])('comes again, where it is not finished after %i earlier attempts, in %i seconds', async (attempts, seconds) => {
      await queueObject('stubborn', -1, attempts);
      await keys();
      expect(await keys()).toEqual([]);
      const [row] = await registry.deletions();
      expect(row!.attempts).toBe(attempts + 1);
      expect(row!.seconds).toBeGreaterThan(seconds - 20);
      expect(row!.seconds).toBeLessThanOrEqual(seconds);
    });

    it('forgets what is finished, and remembers why the others failed', async () => {
      await queueObject('good', -1);
      await queueObject('bad', -1);
      await keys();
      expect(await store.finishObjectDeletions(['good'])).toEqual({ objects: 1, bytes: 7 });
      await store.failObjectDeletion('bad', 'the disk is on fire');
      expect(await registry.deletions()).toMatchObject([{ object_key: 'bad', last_error: 'the disk is on fire' }]);
    });
  });

  it('counts what two workers have deleted for one of them', async () => {
    await queueObject('one', -1);
    await queueObject('two', -1);
    expect(await store.finishObjectDeletions(['one'])).toEqual({ objects: 1, bytes: 7 });
    expect(await store.finishObjectDeletions(['one', 'two'])).toEqual({ objects: 1, bytes: 7 });
    expect(await store.finishObjectDeletions(['one', 'two'])).toEqual({ objects: 0, bytes: 0 });
  });

  describe('secondsUntilReview and secondsUntilDeletion', () => {
    it('is null where nothing waits', async () => {
      await registry.setReview(repository, await registry.blob(repository), null);
      expect([await store.secondsUntilReview(), await store.secondsUntilDeletion()]).toEqual([null, null]);
    });

    it('is the time until the first link or manifest, or the first object, is due, negative where it is overdue', async () => {
      const near = async (seconds: number, next = store.secondsUntilReview()) => {
        const until = (await next)!;
        expect(until).toBeGreaterThan(seconds - 20);
        expect(until).toBeLessThanOrEqual(seconds);
      };
      await queueObject('object', 50);
      await near(50, store.secondsUntilDeletion());
      const digest = await registry.blob(repository);
      await near(3_600 + GRACE_SECONDS);
      const { digest: manifest } = await registry.push(repository, imageOf([digest]));
      await registry.setManifestReview(repository, manifest, 100);
      await near(100);
      await registry.setReview(repository, digest, -GRACE_SECONDS - 50);
      await near(-50);
      await near(50, store.secondsUntilDeletion());
    });
  });

  it('counts what is due and not done', async () => {
    await overdueBlob();
    await registry.blob(repository);
    await queueObject('due', -1);
    await queueObject('waiting', 60);
    const { digest } = await registry.push(repository, imageOf([await registry.blob(repository)]));
    await registry.setManifestReview(repository, digest, -40);
    await test.rows(`INSERT INTO registry.untagged_review (created_at) VALUES (now() - interval '30 seconds')`);
    await test.rows(
      `INSERT INTO registry.referrer_release (repository_id, subject_digest, after_digest, created_at)
       SELECT id, 'sha256:0', '', now() - interval '60 seconds' FROM registry.repository LIMIT 1`,
    );
    const backlogs = await Promise.all(QUEUES.map((queue) => store.backlog(queue)));
    expect(backlogs.map(({ length }) => length)).toEqual([1, 1, 1, 1, 1]);
    // In steps of twenty seconds; the grace is over since a second.
    expect(backlogs.slice(0, 4).map(({ oldestSeconds }) => Math.floor(oldestSeconds / 20))).toEqual([1, 3, 2, 0]);
  });

  it('counts an object that cannot be deleted as due, and for how long it has been, whenever its next try is', async () => {
    await queueObject('stubborn', -5_000);
    await queueObject('waiting', 60);
    for (let attempt = 0; attempt < 3; attempt++) {
      await store.takeObjectDeletions(10);
      const { length, oldestSeconds } = await store.backlog('objects');
      expect([length, Math.floor(oldestSeconds / 1_000)]).toEqual([1, 5]);
      await test.rows(`UPDATE registry.object_deletion SET not_before = now() WHERE object_key = 'stubborn'`);
    }
    await store.finishObjectDeletions(['stubborn']);
    expect(await store.backlog('objects')).toEqual({ length: 0, oldestSeconds: 0 });
  });
});
