import { randomUUID } from 'node:crypto';
import type { Digest, RepositoryName } from '@berth/oci';
import { GarbageExplanationStore } from './garbage-explanation.store.js';
import { GarbageStore } from './garbage.store.js';
import { ReconciliationStore } from './reconciliation.store.js';
import { anyDigest, blobEntry, EVENT, imageOf, onDatabase, type RegistryFixture } from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';
import { UntaggedPolicyStore } from './untagged-policy.store.js';

const SIZE = 1_000;

describe(GarbageExplanationStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let store: GarbageExplanationStore;
  let repository: RepositoryName;
  let other: RepositoryName;
  beforeEach(async () => {
    ({ test, registry } = on);
    store = new GarbageExplanationStore(test.database, 0);
    [repository, other] = [await registry.repository('acme/app'), await registry.repository('acme/other')];
    await new UntaggedPolicyStore(test.database, 0).setDefault(100);
  });

  /** An untagged image whose time has come, with these blobs. */
  const dueImage = async (blobs: Digest[], released = 200) => {
    const { digest } = await registry.push(repository, imageOf(blobs));
    await registry.setManifestReview(repository, digest, -1, released);
    return digest;
  };
  /** Leases of links are over. */
  const endLeases = () => test.rows(`UPDATE registry.repository_blob SET review_after = now() - interval '1 second'`);
  const collect = async () => {
    const collector = new GarbageStore(test.database, { graceSeconds: 0, pullWindowSeconds: 0 });
    for (const due of await collector.dueManifests(100)) await collector.reviewManifest(due, () => EVENT);
    await endLeases();
    for (const link of await collector.dueLinks(100)) await collector.reviewLink(link);
  };

  it('plans nothing where nothing is due', async () => {
    await registry.push(repository, imageOf([await registry.blob(repository)]));
    expect(await store.plan(10)).toEqual({
      manifests: { count: 0, bytes: 0, shown: [] },
      links: { count: 0, shown: [] },
      blobs: { count: 0, bytes: 0 },
      objects: { count: 0, bytes: 0 },
      isComplete: true,
    });
  });

  it('plans what the collector then does, and changes nothing', async () => {
    const [own, alsoOwn, shared, mounted, stray] = await registry.blobsOf(repository, 5);
    const going = [await dueImage([own!, shared!, mounted!]), await dueImage([alsoOwn!, shared!])];
    await registry.blobs.mount(other, repository, mounted!);
    await registry.push(other, imageOf([mounted!]), ['v1']);
    const young = await dueImage([await registry.blob(repository)], 50);
    const tagged = await registry.push(repository, imageOf([await registry.blob(repository)]), ['v1']);
    await registry.setManifestReview(repository, tagged.digest, -1, 200);
    await endLeases();
    const rows = () =>
      test.rows(
        `SELECT (SELECT jsonb_agg(m.review_after) FROM registry.manifest m), (SELECT jsonb_agg(b) FROM registry.repository_blob b)`,
      );
    const before = await rows();
    const plan = await store.plan(3);
    expect(await rows()).toEqual(before);
    expect(plan.manifests.shown.map(({ digest }) => digest)).toEqual([...going].sort());
    expect(plan.manifests.count).toBe(2);
    expect(plan.links.count).toBe(5);
    expect(plan.links.shown).toHaveLength(3);
    expect(plan.blobs).toEqual({ count: 4, bytes: 4 * SIZE });
    expect(plan.objects.count).toBe(0);

    const blobs = await registry.count('registry.blob');
    await collect();
    expect(await registry.count('registry.blob')).toBe(blobs - plan.blobs.count);
    expect((await store.plan(3)).objects).toEqual(plan.blobs);
    expect([await registry.hasBlob(mounted!), await registry.hasBlob(stray!)]).toEqual([true, false]);
    const left = await test.rows<{ digest: Digest }>('SELECT digest FROM registry.manifest WHERE repository_id = $1', [
      await registry.repositoryId(repository),
    ]);
    expect(left.map(({ digest }) => digest).sort()).toEqual([young, tagged.digest].sort());
  });

  it('plans nothing of what a lease or the grace keeps when its manifest has gone', async () => {
    const [leased, over] = await registry.blobsOf(repository, 2);
    await dueImage([leased!, over!]);
    await registry.setReview(repository, leased!, 3_600);
    await registry.setReview(repository, over!, -1);
    const links = async (grace: number) => {
      const plan = await new GarbageExplanationStore(test.database, grace).plan(3);
      return [plan.manifests.count, plan.links.shown.map(({ digest }) => digest), plan.blobs.count];
    };
    expect(await links(0)).toEqual([1, [over], 1]);
    expect(await links(3_600)).toEqual([1, [], 0]);
  });

  it('says where the plan ends', async () => {
    await test.rows(
      `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload, review_after, released_at)
       SELECT $1::bigint, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'application/json', 2, 2, '{}', now(), now() - interval '1 day'
       FROM generate_series(1, 2500) n`,
      [await registry.repositoryId(repository)],
    );
    const { manifests, isComplete } = await store.plan(10);
    expect([manifests.count, manifests.bytes, manifests.shown.length, isComplete]).toEqual([2_000, 4_000, 10, false]);
  });

  it.each([
    ['the policy of the installation', 'registry.untagged_review (organisation_id) VALUES (NULL)'],
    ['that of its organisation', 'registry.untagged_review (organisation_id) SELECT id FROM manage.organisation'],
    ['that of its repository', `registry.untagged_review (repository_id) SELECT id FROM registry.repository`],
    [
      'the subject that went',
      `registry.referrer_release (repository_id, subject_digest, after_digest)
         SELECT repository_id, subject_digest, '' FROM registry.manifest`,
    ],
  ])('knows of a manifest that is about to be queued, for %s', async (_what, pending) => {
    const subject = blobEntry(anyDigest());
    const { digest } = await registry.push(repository, imageOf([await registry.blob(repository)], { subject }));
    await test.rows('UPDATE registry.manifest SET review_after = NULL');
    await test.rows('DELETE FROM registry.untagged_review');
    const ids = await store.manifestIds(digest, null);
    const isToBeQueued = async () => (await store.manifests(ids)).map((manifest) => manifest.isToBeQueued);
    expect(await isToBeQueued()).toEqual([false]);
    await test.rows(`INSERT INTO ${pending}`);
    expect(await isToBeQueued()).toEqual([true]);
  });

  it('tells of a blob whether its object is suspected, or in quarantine', async () => {
    const digest = await registry.blob(repository);
    const [row] = await test.rows<{ object_key: string }>('SELECT object_key FROM registry.blob WHERE digest = $1', [
      digest,
    ]);
    const blob = { digest, objectKey: row!.object_key, size: SIZE };
    expect(await store.blob(digest)).toEqual({ size: SIZE, damage: null });
    const reconciliation = new ReconciliationStore(test.database);
    const holder = randomUUID();
    await reconciliation.acquire('scrub', holder, 60);
    await reconciliation.rotten(holder, blob, {});
    expect(await store.blob(digest)).toMatchObject({ damage: { reason: 'rot', isQuarantined: false } });
    await reconciliation.rotten(holder, blob, {});
    expect(await store.blob(digest)).toMatchObject({ damage: { reason: 'rot', isQuarantined: true } });
    expect(await store.blob(anyDigest())).toBeNull();
  });

  it('counts the places of a blob up to a thousand, and shows a few', async () => {
    const digest = await registry.blob(repository);
    await test.rows(`INSERT INTO registry.repository (organisation_id, path)
      SELECT organisation_id, 'acme/n' || n FROM registry.repository, generate_series(1, 1100) n WHERE path = 'acme/app'`);
    await test.rows(
      `INSERT INTO registry.repository_blob (repository_id, digest, size) SELECT id, $1, ${SIZE} FROM registry.repository WHERE path LIKE 'acme/n%'`,
      [digest],
    );
    const links = await store.links(digest, null, 20);
    expect([links.shown.length, links.count]).toEqual([20, 1_000]);
    expect((await store.links(digest, repository, 20)).shown.map((link) => link.repository)).toEqual([repository]);
  });
});
