import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { type CollectedEvent, GarbageStore } from './garbage.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import { TagStore } from './tag.store.js';
import {
  type Entry,
  EVENT,
  imageOf,
  indexOf,
  LEASE_SECONDS,
  type ManifestOfTest,
  onDatabase,
  type RegistryFixture,
} from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';
import { UntaggedPolicyStore } from './untagged-policy.store.js';

const NO_TIME = { graceSeconds: 0, pullWindowSeconds: 0 };
const collected: CollectedEvent = (repository, digest) => ({ subject: 'gone', payload: { repository, digest } });

describe('the review of manifests', () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let store: GarbageStore;
  let policies: UntaggedPolicyStore;
  let repository: RepositoryName;
  beforeEach(async () => {
    ({ test, registry } = on);
    store = new GarbageStore(test.database, NO_TIME);
    policies = new UntaggedPolicyStore(test.database, LEASE_SECONDS);
    repository = await registry.repository('acme/app');
  });

  const image = async (options: { subject?: Entry } = {}): Promise<ManifestOfTest> =>
    imageOf([await registry.blob(repository), await registry.blob(repository)], options);
  /** A manifest that nothing uses, whose lease is over. */
  const untagged = async (made?: ManifestOfTest, released = 1): Promise<Entry> => {
    const entry = await registry.push(repository, made ?? (await image()));
    await registry.setManifestReview(repository, entry.digest, -1, released);
    return entry;
  };
  const idOf = (digest: Digest) => test.value<string>('SELECT id FROM registry.manifest WHERE digest = $1', [digest]);
  const review = async (digest: Digest, by = store) =>
    by.reviewManifest({ id: await idOf(digest), repositoryId: await registry.repositoryId(repository) }, collected);
  const isThere = async (digest: Digest) =>
    (await registry.manifests.find(repository, { kind: 'digest', digest }, [])) !== null;
  const reviewDue = async () => {
    const verdicts = [];
    for (const due of await store.dueManifests(1_000)) verdicts.push(await store.reviewManifest(due, collected));
    return verdicts;
  };
  /** Whatever is queued, as if its time had come, until nothing goes any more. */
  const collectAll = async () => {
    do await test.rows(`UPDATE registry.manifest SET review_after = now() WHERE review_after IS NOT NULL`);
    while ((await reviewDue()).includes('removed'));
    await test.rows(`UPDATE registry.repository_blob SET review_after = now() WHERE review_after IS NOT NULL`);
    for (const link of await store.dueLinks(1_000)) await store.reviewLink(link);
  };
  /** What is served is whole. */
  const nothingDangles = async () => {
    expect(
      await test.rows(`SELECT digest FROM registry.manifest m WHERE NOT EXISTS (
      SELECT FROM registry.manifest_blob b WHERE b.manifest_id = m.id) AND NOT EXISTS (
      SELECT FROM registry.manifest_child c WHERE c.parent_id = m.id)`),
    ).toEqual([]);
    expect(
      await test.rows(`SELECT digest FROM registry.repository_blob rb WHERE NOT EXISTS (
      SELECT FROM registry.blob b WHERE b.digest = rb.digest)`),
    ).toEqual([]);
  };
  const everythingIsGone = async () => {
    await collectAll();
    expect([await registry.count('registry.manifest'), await registry.count('registry.blob')]).toEqual([0, 0]);
  };
  const deadlocks = () =>
    test.value<number>(`SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`);

  describe('by the policy', () => {
    it('keeps what is untagged, without any', async () => {
      const { digest } = await untagged();
      expect(await review(digest)).toBe('kept');
      expect(await registry.manifestReviewOf(repository, digest)).toBeNull();
    });

    it('collects it after its age, and tells of it', async () => {
      await policies.setDefault(100);
      const { digest } = await untagged(undefined, 60);
      expect(await review(digest)).toBe('postponed');
      const seconds = (await registry.manifestReviewOf(repository, digest))!;
      expect([seconds > 35, seconds <= 40]).toEqual([true, true]);
      expect(await store.dueManifests(10)).toEqual([]);
      await registry.setManifestReview(repository, digest, -1, 101);
      await test.rows('DELETE FROM registry.outbox_event');
      expect(await review(digest)).toBe('removed');
      expect(await test.rows('SELECT subject, payload FROM registry.outbox_event')).toEqual([
        { subject: 'gone', payload: { repository, digest } },
      ]);
      await everythingIsGone();
    });

    it('of the repository, else of the organisation, else of the installation', async () => {
      const { digest } = await untagged(undefined, 50);
      const verdict = async () => {
        await registry.setManifestReview(repository, digest, -1, 50);
        return review(digest);
      };
      await policies.setDefault(100);
      expect(await verdict()).toBe('postponed');
      await policies.set({ organisation: 'acme' }, 'keep');
      expect(await verdict()).toBe('kept');
      await policies.set({ repository }, 60);
      expect(await verdict()).toBe('postponed');
      await policies.set({ repository }, null);
      await policies.set({ organisation: 'acme' }, null);
      expect(await verdict()).toBe('postponed');
      await policies.set({ organisation: 'acme' }, 40);
      expect(await verdict()).toBe('removed');
    });

    it('protects what was just pushed by its digest for the length of a lease, whatever the age', async () => {
      await policies.setDefault(0);
      const { digest } = await registry.push(repository, await image());
      const seconds = (await registry.manifestReviewOf(repository, digest))!;
      expect([seconds > LEASE_SECONDS - 20, seconds <= LEASE_SECONDS]).toEqual([true, true]);
      expect(await review(digest)).toBe('not-due');
    });

    it('collects an index before its children, and they are free then', async () => {
      await policies.setDefault(0);
      const children = [await untagged(), await untagged()];
      const inner = await untagged(indexOf(children));
      const index = await untagged(indexOf([inner, children[0]!]));
      for (const { digest } of [...children, inner]) expect(await review(digest)).toBe('in-use');
      expect(await review(index.digest)).toBe('removed');
      expect(await reviewDue()).toEqual(['in-use', 'removed']);
      expect(await reviewDue()).toEqual(['removed', 'removed']);
      await everythingIsGone();
    });

    it('keeps a referrer with its subject, and lets it go after its age when the subject has gone', async () => {
      await policies.setDefault(100);
      const subject = await registry.push(repository, await image(), ['v1']);
      const referrer = await untagged(await image({ subject }), 1_000);
      expect(await review(referrer.digest)).toBe('in-use');
      await registry.remove(repository, subject.digest);
      expect(await review(referrer.digest)).toBe('postponed');
      await registry.setManifestReview(repository, referrer.digest, -1, 101);
      expect(await review(referrer.digest)).toBe('removed');
      await everythingIsGone();
    });
  });

  describe('is due again when', () => {
    let entry: Entry;
    beforeEach(async () => {
      entry = await registry.push(repository, await image());
    });
    /** Settled a week ago, as what is used. */
    const settle = () => registry.setManifestReview(repository, entry.digest, null, 604_800);
    const tags = () => new TagStore(test.database);
    const tagged = async (tag: string) => {
      await test.rows(`INSERT INTO registry.tag (repository_id, name, manifest_id) VALUES ($1, $2, $3)`, [
        await registry.repositoryId(repository),
        tag,
        await idOf(entry.digest),
      ]);
      await settle();
    };
    const ways: Record<string, () => Promise<unknown>> = {
      'its tag is deleted': async () => {
        await tagged('v1');
        await tags().delete(repository, 'v1' as Tag, EVENT);
      },
      'its tag is deleted on a condition': async () => {
        await tagged('v1');
        await tags().delete(repository, 'v1' as Tag, EVENT, () => true);
      },
      'a push takes its tag': async () => {
        await tagged('v1');
        await registry.push(repository, await image(), ['v1']);
      },
      'a retag takes its tag': async () => {
        await tagged('v1');
        await registry.push(repository, await image(), ['v2']);
        const retag = { repository, source: 'v2' as Tag, destination: 'v1' as Tag, override: true, event: () => EVENT };
        expect(await tags().retag(retag)).toHaveProperty('digest');
      },
      'its index is deleted': async () => {
        const { digest } = await registry.push(repository, indexOf([entry]), ['v1']);
        await settle();
        await registry.remove(repository, digest);
      },
      'its index is collected': async () => {
        await policies.setDefault(0);
        const index = await untagged(indexOf([entry]));
        await settle();
        expect(await review(index.digest)).toBe('removed');
      },
      'its subject is deleted': async () => {
        const subject = await registry.push(repository, await image(), ['v1']);
        entry = await registry.push(repository, await image({ subject }));
        await settle();
        await registry.remove(repository, subject.digest);
      },
      'its subject is collected': async () => {
        await policies.setDefault(0);
        const subject = await untagged();
        entry = await registry.push(repository, await image({ subject }));
        await settle();
        expect(await review(subject.digest)).toBe('removed');
      },
      'all tags of the repository go in one statement': async () => {
        await tagged('v1');
        await test.rows('DELETE FROM registry.tag');
      },
    };
    it.each(Object.keys(ways))('%s', async (way) => {
      await ways[way]!();
      expect((await store.dueManifests(10)).map(({ id }) => id)).toContain(await idOf(entry.digest));
      const age = `SELECT extract(epoch FROM now() - released_at)::int FROM registry.manifest WHERE digest = $1`;
      expect(await test.value<number>(age, [entry.digest])).toBeLessThan(30);
    });
  });

  describe('of the referrers of a subject that goes', () => {
    const REFERRERS = 2_500;
    const subjectOfMany = async () => {
      const subject = await registry.push(repository, await image());
      await test.rows(
        `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, subject_digest, released_at)
         SELECT $1, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'application/json', 2, 2, '{}', $2, now() - interval '1 day'
         FROM generate_series(1, ${REFERRERS}) n`,
        [await registry.repositoryId(repository), subject.digest],
      );
      return subject;
    };
    const released = () =>
      test.value<number>(
        `SELECT count(*)::int FROM registry.manifest WHERE review_after <= now() AND released_at > now() - interval '1 hour'`,
      );
    const releaseAll = async (by = store) => {
      while (await by.releaseStep());
    };

    it.each([
      ['by a client', (digest: Digest) => registry.manifests.delete(repository, digest, EVENT)],
      [
        'by the policy',
        async (digest: Digest) => {
          await policies.set({ repository }, 0);
          await registry.setManifestReview(repository, digest, -1, 1);
          await review(digest);
        },
      ],
    ])('%s queues some at once, and all by steps, with two workers too', async (_how, remove) => {
      const { digest } = await subjectOfMany();
      await remove(digest);
      expect(await isThere(digest)).toBe(false);
      expect(await released()).toBe(1_000);
      await Promise.all([releaseAll(), releaseAll(new GarbageStore(test.another(), NO_TIME))]);
      expect(await released()).toBe(REFERRERS);
      expect(await registry.count('registry.referrer_release')).toBe(0);
    });

    it('has one row of what is left, however often the subject comes and goes', async () => {
      const made = await image();
      const { digest } = await registry.push(repository, made);
      for (let time = 0; time < 2; time++) {
        if (time === 0) {
          await test.rows(
            `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, subject_digest)
             SELECT $1, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'application/json', 2, 2, '{}', $2 FROM generate_series(1, 1100) n`,
            [await registry.repositoryId(repository), digest],
          );
        } else await registry.push(repository, made);
        await registry.manifests.delete(repository, digest, EVENT);
        expect(await registry.count('registry.referrer_release')).toBe(1);
      }
    });

    it('ends with their repository', async () => {
      const { digest } = await subjectOfMany();
      await registry.manifests.delete(repository, digest, EVENT);
      await new RepositoryRemovalStore(test.database, NO_TIME).remove(repository, () => EVENT);
      await releaseAll();
      expect(await registry.count('registry.referrer_release')).toBe(0);
    });
  });

  describe('findAndLease', () => {
    const version = (digest: Digest) =>
      test.value<string>(`SELECT xmin || ' ' || ctid FROM registry.manifest WHERE digest = $1`, [digest]);

    it('protects what nothing uses, and writes only when the lease is past its half', async () => {
      const { digest } = await untagged();
      expect(await registry.manifests.findAndLease(repository, digest, [])).toMatchObject({ digest });
      expect(await registry.manifestReviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 20);
      const before = await version(digest);
      await registry.manifests.findAndLease(repository, digest, []);
      expect(await version(digest)).toBe(before);
      await registry.setManifestReview(repository, digest, LEASE_SECONDS / 2 - 10);
      await registry.manifests.findAndLease(repository, digest, []);
      expect(await registry.manifestReviewOf(repository, digest)).toBeGreaterThan(LEASE_SECONDS - 20);
    });

    it('writes nothing of what a tag, an index or a subject keeps', async () => {
      const [child, subject] = [await untagged(), await registry.push(repository, await image(), ['v1'])];
      await registry.push(repository, indexOf([child]), ['v2']);
      const referrer = await untagged(await image({ subject }));
      for (const { digest } of [child, subject, referrer]) {
        const before = await version(digest);
        expect(await registry.manifests.findAndLease(repository, digest, [digest])).toMatchObject({ payload: null });
        expect(await version(digest)).toBe(before);
      }
    });
  });

  describe('races', () => {
    beforeEach(() => policies.setDefault(0));

    /** Reviews begin, and stop before they have any lock of a repository's. */
    const gate = async () => {
      const session = await test.session();
      await session.rows('BEGIN');
      await session.rows('SELECT 1 FROM registry.untagged_default FOR UPDATE');
      return () => session.rows('COMMIT');
    };
    /** A review that has its locks and has judged, and acts when it is told to. */
    const judged = async (digest: Digest, before: 'collect' | 'settle' = 'collect') => {
      const database = test.pausing();
      const { reached, goOn } = database.pauseBefore(`garbage-${before}-manifest`);
      const verdict = review(digest, new GarbageStore(database, NO_TIME));
      await reached;
      return () => {
        goOn();
        return verdict;
      };
    };

    it('R8: sees a tag that was set before it had its locks', async () => {
      const made = await image();
      const { digest } = await untagged(made);
      const open = await gate();
      const verdict = review(digest);
      await test.untilWaiting(1);
      expect(await registry.put(repository, made, ['rollback'])).toBe('stored');
      await registry.setManifestReview(repository, digest, -1, 100);
      await open();
      expect(await verdict).toBe('in-use');
      expect(await isThere(digest)).toBe(true);
    });

    it('R8: waits for a push that is about to tag the manifest, and keeps it then', async () => {
      const { digest } = await untagged();
      const push = await test.session();
      await push.rows('BEGIN');
      await push.rows(`INSERT INTO registry.tag (repository_id, name, manifest_id) SELECT repository_id, 'v1', id
        FROM registry.manifest`);
      const verdict = review(digest);
      await test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await verdict).toBe('in-use');
    });

    it('R8, R12: lets a push of the same bytes that comes too late make the manifest again, whole', async () => {
      const made = await image();
      const { digest } = await untagged(made);
      const finish = await judged(digest);
      const put = registry.put(repository, made, ['rollback']);
      await test.untilWaiting(1);
      expect(await finish()).toBe('removed');
      expect(await put).toBe('stored');
      expect(await registry.count('registry.manifest_blob')).toBe(2);
      await collectAll();
      expect(await isThere(digest)).toBe(true);
      await nothingDangles();
    });

    it('R9: finds a manifest later whose tag was deleted while it was judged to be tagged', async () => {
      const made = await image();
      const { digest } = await registry.push(repository, made, ['v1']);
      await registry.setManifestReview(repository, digest, -1, 100);
      const finish = await judged(digest, 'settle');
      const deleted = new TagStore(test.database).delete(repository, 'v1' as Tag, EVENT);
      await test.untilWaiting(1);
      expect(await finish()).toBe('in-use');
      expect(await deleted).toBe('deleted');
      expect(await registry.manifestReviewOf(repository, digest)).not.toBeNull();
      await everythingIsGone();
    });

    it('R10: refuses an index whose child it is collecting, as a whole', async () => {
      const [child, other] = [await untagged(), await untagged()];
      const finish = await judged(child.digest);
      const put = registry.put(repository, indexOf([child, other]), ['v1']);
      await test.untilWaiting(1);
      expect(await finish()).toBe('removed');
      expect(await put).toMatchObject({ missing: [{ digest: child.digest }] });
      expect([await registry.count('registry.tag'), await registry.count('registry.manifest_child')]).toEqual([0, 0]);
    });

    it('R10: keeps a child whose index was pushed before it had its locks', async () => {
      const [child, other] = [await untagged(), await untagged()];
      const open = await gate();
      const verdict = review(child.digest);
      await test.untilWaiting(1);
      expect(await registry.put(repository, indexOf([child, other]), ['v1'])).toBe('stored');
      await open();
      expect(await verdict).toBe('in-use');
      await collectAll();
      expect([await isThere(child.digest), await isThere(other.digest)]).toEqual([true, true]);
    });

    it('R11: leaves a child that a HEAD found before it had its locks, until its index is there', async () => {
      const child = await untagged();
      const open = await gate();
      const verdict = review(child.digest);
      await test.untilWaiting(1);
      expect(await registry.manifests.findAndLease(repository, child.digest, [])).not.toBeNull();
      await open();
      expect(await verdict).toBe('not-due');
      expect(await registry.put(repository, indexOf([child]), ['v1'])).toBe('stored');
    });

    it('R11: lets a HEAD that comes too late find nothing, so that the child is pushed again', async () => {
      const made = await image();
      const child = await untagged(made);
      const finish = await judged(child.digest);
      const head = registry.manifests.findAndLease(repository, child.digest, []);
      await test.untilWaiting(1);
      expect(await finish()).toBe('removed');
      expect(await head).toBeNull();
      expect(await registry.put(repository, made)).toBe('stored');
      expect(await registry.put(repository, indexOf([child]), ['v1'])).toBe('stored');
    });

    it('R12: with pushes and deletes of the same manifest leaves it whole or not at all', async () => {
      const made = await image();
      const { digest } = await registry.push(repository, made);
      const outcomes = new Set<string>();
      for (let round = 0; round < 100; round++) {
        await test.rows('UPDATE registry.manifest SET review_after = now()');
        const [put] = await Promise.all([
          registry.put(repository, made, round % 2 ? ['v1'] : []),
          registry.remove(repository, digest),
          reviewDue(),
        ]);
        expect(put).toBe('stored');
        const survives = await isThere(digest);
        outcomes.add(String(survives));
        expect(await registry.count('registry.manifest_blob')).toBe(survives ? 2 : 0);
        if (!survives) expect(await registry.count('registry.tag')).toBe(0);
      }
      expect(outcomes.size).toBe(2);
      await nothingDangles();
    });

    it('R19: keeps a referrer that came before its subject for its age, and after that by its subject', async () => {
      await policies.setDefault(100);
      const subject = await image();
      const referrer = await registry.push(repository, await image({ subject: subject.entry }));
      await registry.setManifestReview(repository, referrer.digest, -1, 90);
      expect(await review(referrer.digest)).toBe('postponed');
      await registry.push(repository, subject, ['v1']);
      await registry.setManifestReview(repository, referrer.digest, -1, 1_000);
      expect(await review(referrer.digest)).toBe('in-use');
    });

    it('R19: finds a referrer that was pushed while its subject was deleted', async () => {
      const subject = await registry.push(repository, await image());
      const deletion = await test.session();
      await deletion.rows('BEGIN');
      await deletion.rows('DELETE FROM registry.manifest WHERE digest = $1', [subject.digest]);
      const referrer = await registry.push(repository, await image({ subject }));
      await deletion.rows('COMMIT');
      expect(await registry.manifestReviewOf(repository, referrer.digest)).not.toBeNull();
      await everythingIsGone();
    });

    it('R19: finds a referrer whose subject was deleted while it was judged to be there', async () => {
      const subject = await registry.push(repository, await image(), ['v1']);
      const referrer = await untagged(await image({ subject }));
      const finish = await judged(referrer.digest, 'settle');
      const deleted = registry.remove(repository, subject.digest);
      await test.untilWaiting(1);
      expect(await finish()).toBe('in-use');
      expect(await deleted).toBe('deleted');
      expect(await registry.manifestReviewOf(repository, referrer.digest)).not.toBeNull();
      await everythingIsGone();
    });

    it('judges by a policy that was changed before it had its locks', async () => {
      const { digest } = await untagged();
      const change = await test.session();
      await change.rows('BEGIN');
      await change.rows('SELECT 1 FROM registry.repository FOR UPDATE');
      await change.rows('UPDATE registry.repository SET untagged_after = -1');
      const verdict = review(digest);
      await test.untilWaiting(1);
      await change.rows('COMMIT');
      expect(await verdict).toBe('kept');
    });

    it.each(['repository', 'organisation', 'default'])(
      'lets no manifest go once a change of the policy of the %s has been acknowledged',
      async (whose) => {
        const { digest } = await untagged();
        const finish = await judged(digest);
        let isAcknowledged = false;
        const change = (
          whose === 'default'
            ? policies.setDefault('keep')
            : policies.set(whose === 'repository' ? { repository } : { organisation: 'acme' }, 'keep')
        ).then(() => (isAcknowledged = true));
        await test.untilWaiting(1);
        expect(isAcknowledged).toBe(false);
        expect(await finish()).toBe('removed');
        await change;
      },
    );

    it('by two workers removes a manifest once', async () => {
      const { digest } = await untagged();
      const open = await gate();
      const verdicts = [review(digest), review(digest, new GarbageStore(test.another(), NO_TIME))];
      await test.untilWaiting(2);
      await open();
      expect((await Promise.all(verdicts)).sort()).toEqual(['not-due', 'removed']);
    });

    it('of images that share their layers, their index and their repository while it is removed, meets no deadlock', async () => {
      const layers = await registry.blobsOf(repository, 10);
      for (let round = 0; round < 5; round++) {
        const entries: Entry[] = [];
        for (let n = 0; n < 6; n++) {
          const own = await registry.blob(repository);
          entries.push(await untagged(imageOf([own, ...(n % 2 ? layers : [...layers].reverse())])));
        }
        await untagged(indexOf(entries));
        const workers = [0, 1].map(async () => {
          for (let n = 0; n < 4; n++) await reviewDue();
        });
        const removal = new RepositoryRemovalStore(test.database, { pullWindowSeconds: 0, batch: 3 });
        await Promise.all([...workers, round === 4 ? removal.remove(repository, () => EVENT) : reviewDue()]);
      }
      expect(await deadlocks()).toBe(0);
      expect(await registry.count('registry.manifest')).toBe(0);
    });
  });

  describe('after a change of the policy', () => {
    const MANIFESTS = 120;
    const many = async (path: RepositoryName) => {
      await test.rows(
        `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, released_at)
         SELECT $1::bigint, 'sha256:' || encode(sha256(($1::bigint || '-' || n)::bytea), 'hex'), 'application/json', 2, 2, '{}', now() - interval '1 day'
         FROM generate_series(1, ${MANIFESTS}) n`,
        [await registry.repositoryId(path)],
      );
    };
    const due = () => test.value<number>('SELECT count(*)::int FROM registry.manifest WHERE review_after <= now()');
    const smallSteps = () => new UntaggedPolicyStore(test.database, LEASE_SECONDS, 50);
    const finish = async (by = smallSteps()) => {
      let steps = 0;
      while (await by.reviewStep()) steps++;
      return steps;
    };

    it('queues all untagged manifests of the repository, and none of another', async () => {
      const other = await registry.repository('acme/other');
      for (const each of [repository, other]) await many(each);
      await policies.set({ repository }, 3_600);
      expect(await finish()).toBeGreaterThan(3);
      expect(await due()).toBe(MANIFESTS);
      expect(new Set(await reviewDue())).toEqual(new Set(['removed']));
      expect(await registry.count('registry.manifest')).toBe(MANIFESTS);
    });

    it.each([
      ['the organisation', () => policies.set({ organisation: 'acme' }, 0)],
      ['the installation', () => policies.setDefault(0)],
    ])('of %s queues those of each repository that has none of its own', async (_whose, change) => {
      const others = [await registry.repository('acme/a'), await registry.repository('acme/z/z')];
      for (const each of [repository, ...others]) await many(each);
      await policies.set({ repository }, 'keep');
      await change();
      await finish();
      expect(await due()).toBe(2 * MANIFESTS);
      const kept = `SELECT count(*)::int FROM registry.manifest WHERE repository_id = $1 AND review_after IS NULL`;
      expect(await test.value<number>(kept, [await registry.repositoryId(repository)])).toBe(MANIFESTS);
    });

    it('goes on where a worker was killed, and with two at once', async () => {
      await many(repository);
      await policies.set({ repository }, 0);
      await smallSteps().reviewStep();
      expect(await due()).toBe(50);
      await Promise.all([finish(), finish(new UntaggedPolicyStore(test.another(), LEASE_SECONDS, 50))]);
      expect(await due()).toBe(MANIFESTS);
      expect(await registry.count('registry.untagged_review')).toBe(0);
    });

    it('goes over those that keep everything, many in one step, and misses none in between', async () => {
      await test.rows(
        `INSERT INTO registry.repository (organisation_id, path, untagged_after)
         SELECT organisation_id, 'acme/b' || lpad(n::text, 4, '0'), -1 FROM registry.repository, generate_series(1, 450) n WHERE path = $1`,
        [repository],
      );
      const others = [await registry.repository('acme/b0120a'), await registry.repository('acme/z')];
      for (const each of [repository, ...others]) await many(each);
      await policies.set({ organisation: 'acme' }, 0);
      // Of each of the three its manifests by 50, and 450 by 100.
      expect(await finish()).toBeLessThanOrEqual(3 * 3 + 7);
      expect(await due()).toBe(3 * MANIFESTS);
    });

    it('goes on with the next one from its beginning where one keeps everything by now', async () => {
      const next = await registry.repository('acme/z');
      for (const each of [repository, next]) await many(each);
      await policies.set({ organisation: 'acme' }, 0);
      await smallSteps().reviewStep();
      await policies.set({ repository }, 'keep');
      await finish();
      expect(await due()).toBe(50 + MANIFESTS);
    });

    it.each([
      ['an organisation', () => policies.set({ organisation: 'acme' }, 0)],
      ['the installation', () => policies.setDefault(0)],
    ])(
      'of %s goes on with the next one from its beginning where one is deleted in the middle',
      async (_whose, change) => {
        const next = await registry.repository('acme/z');
        for (const each of [repository, next]) await many(each);
        await change();
        await smallSteps().reviewStep();
        expect(await due()).toBe(50);
        const removal = new RepositoryRemovalStore(test.database, { pullWindowSeconds: 0 });
        await removal.remove(repository, () => EVENT);
        expect(await due()).toBe(0);
        await finish();
        expect(await due()).toBe(MANIFESTS);
      },
    );

    it.each([
      ['a repository', (seconds: number) => policies.set({ repository }, seconds)],
      ['an organisation', (seconds: number) => policies.set({ organisation: 'acme' }, seconds)],
      ['the installation', (seconds: number) => policies.setDefault(seconds)],
    ])('of %s has one review to do, however often it changes', async (_whose, change) => {
      await many(repository);
      await change(1);
      await smallSteps().reviewStep();
      for (const seconds of [2, 3, 4]) await change(seconds);
      expect(await registry.count('registry.untagged_review')).toBe(1);
      await finish();
      expect(await due()).toBe(MANIFESTS);
    });

    it('of one owner leaves what is to do for another', async () => {
      await many(repository);
      await policies.setDefault(1);
      await policies.set({ organisation: 'acme' }, 1);
      await policies.set({ repository }, 1);
      expect(await registry.count('registry.untagged_review')).toBe(3);
    });

    it('does not miss what somebody has locked', async () => {
      await many(repository);
      const session = await test.session();
      await session.rows('BEGIN');
      await session.rows('SELECT 1 FROM registry.manifest ORDER BY digest LIMIT 3 FOR UPDATE');
      await policies.set({ repository }, 0);
      const finished = finish();
      await test.untilWaiting(1);
      await session.rows('COMMIT');
      await finished;
      expect(await due()).toBe(MANIFESTS);
    });

    it('leaves what is used, and what a HEAD or a push protects', async () => {
      const tagged = await registry.push(repository, await image(), ['v1']);
      const leased = await registry.push(repository, await image());
      const scheduled = await registry.push(repository, await image());
      await registry.setManifestReview(repository, scheduled.digest, 10 * LEASE_SECONDS);
      await policies.set({ repository }, 0);
      await finish();
      const reviews = [tagged, leased, scheduled].map(({ digest }) => registry.manifestReviewOf(repository, digest));
      const [ofTagged, ofLeased, ofScheduled] = await Promise.all(reviews);
      expect(ofTagged).toBeNull();
      for (const seconds of [ofLeased!, ofScheduled!]) {
        expect([seconds > LEASE_SECONDS - 30, seconds <= LEASE_SECONDS]).toEqual([true, true]);
      }
    });

    it('does nothing for a policy that is the same, and ends with its repository', async () => {
      await policies.set({ repository }, 5);
      await finish();
      await policies.set({ repository }, 5);
      expect(await registry.count('registry.untagged_review')).toBe(0);
      await policies.set({ repository }, 6);
      await new RepositoryRemovalStore(test.database, NO_TIME).remove(repository, () => EVENT);
      expect(await registry.count('registry.untagged_review')).toBe(0);
    });
  });

  describe('a policy', () => {
    it('is shown with where it comes from', async () => {
      expect(await policies.show({ repository })).toEqual({ own: null, effective: 'keep', from: 'installation' });
      await policies.set({ organisation: 'acme' }, 7);
      expect(await policies.show({ repository })).toEqual({ own: null, effective: 7, from: 'organisation' });
      await policies.set({ repository }, 'keep');
      expect(await policies.show({ repository })).toEqual({ own: 'keep', effective: 'keep', from: 'repository' });
      expect(await policies.show({ organisation: 'acme' })).toEqual({ own: 7, effective: 7, from: 'organisation' });
      await policies.set({ organisation: 'acme' }, null);
      await policies.setDefault(9);
      expect(await policies.show({ organisation: 'acme' })).toEqual({ own: null, effective: 9, from: 'installation' });
    });

    it('is of somebody who is there', async () => {
      expect(await policies.show({ organisation: 'nobody' })).toBeNull();
      expect(await policies.set({ organisation: 'nobody' }, 5)).toBe(false);
      expect(await policies.set({ repository: 'acme/none' as RepositoryName }, 5)).toBe(false);
    });
  });
});
