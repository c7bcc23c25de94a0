import { type Digest, digestOf, parseReference, parseRepositoryName, type RepositoryName, type Tag } from '@berth/oci';
import { GarbageStore } from './garbage.store.js';
import { ManifestStore } from './manifest.store.js';
import { TagStore } from './tag.store.js';
import {
  anyDigest,
  blobEntry,
  type Entry,
  EVENT,
  imageOf,
  indexOf,
  LEASE_SECONDS,
  type ManifestOfTest,
  onDatabase,
  type RegistryFixture,
} from './testing/registry-fixture.js';
import type { Session, TestDatabase } from './testing/test-databases.js';

const NOWHERE = parseRepositoryName('acme/nowhere');
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

describe(ManifestStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: ManifestStore;
  let tags: TagStore;

  beforeEach(async () => {
    ({ test, registry } = on);
    store = registry.manifests;
    tags = new TagStore(test.database);
    repository = await registry.repository();
  });

  const find = (reference: string, known: Digest[] = []) => store.find(repository, parseReference(reference), known);
  const tagsOf = () => tags.list(repository, '', 100);
  const removeTag = (name: string) => tags.delete(repository, name as Tag, EVENT);
  const events = () => registry.count('registry.outbox_event');
  const anImage = async () => imageOf(await registry.blobsOf(repository, 2));
  const pushedImage = async (...names: string[]) => registry.push(repository, await anImage(), names);

  const referencesOf = (digest: Digest) =>
    test.rows<{ digest: string }>(
      `SELECT mb.digest FROM registry.manifest_blob mb JOIN registry.manifest m ON m.id = mb.manifest_id
       WHERE m.digest = $1 ORDER BY 1`,
      [digest],
    );
  const childrenOf = (digest: Digest) =>
    test.rows<{ digest: string }>(
      `SELECT c.digest FROM registry.manifest_child mc JOIN registry.manifest p ON p.id = mc.parent_id
       JOIN registry.manifest c ON c.id = mc.child_id WHERE p.digest = $1 ORDER BY 1`,
      [digest],
    );
  const sorted = (...digests: string[]) => digests.sort().map((digest) => ({ digest }));

  /** No row of any table that a push writes. */
  const nothingWasStored = async () => {
    for (const table of ['manifest', 'manifest_blob', 'manifest_child', 'tag', 'outbox_event']) {
      expect([table, await registry.count(`registry.${table}`)]).toEqual([table, 0]);
    }
  };

  /** Holds a lock on rows until it is told to let go. */
  const lock = async (sql: string, values: unknown[]): Promise<Session> => {
    const session = await test.session();
    await session.rows('BEGIN');
    await session.rows(sql, values);
    return session;
  };

  describe('put', () => {
    it('stores the exact bytes, the references, the tags and the event', async () => {
      const blobs = await registry.blobsOf(repository, 3);
      const image = imageOf(blobs, { annotations: { colour: 'blue' } });
      expect(await registry.put(repository, image, ['1.0', 'latest'])).toBe('stored');
      const { digest, mediaType, size } = image.entry;
      expect(await find(digest)).toEqual({ digest, mediaType, size, subjectDigest: null, payload: image.bytes });
      expect(await find('latest')).toMatchObject({ digest });
      expect(await referencesOf(digest)).toEqual(sorted(...blobs));
      expect(await tagsOf()).toEqual(['1.0', 'latest']);
      expect(await test.rows('SELECT subject, payload FROM registry.outbox_event')).toEqual([EVENT]);
      expect(await test.rows('SELECT annotations, artifact_type FROM registry.manifest')).toEqual([
        { annotations: { colour: 'blue' }, artifact_type: 'application/vnd.oci.image.config.v1+json' },
      ]);
    });

    it('stores nothing where something is missing, and lists all that is', async () => {
      const [present, ...missing] = [await registry.blob(repository), anyDigest(), anyDigest()];
      const outcome = await registry.put(repository, imageOf([present, ...missing]), ['latest']);
      expect(outcome).toEqual({ missing: missing.map((digest): unknown => expect.objectContaining({ digest })) });
      await nothingWasStored();
    });

    it('stores nothing where a size is not that of a blob, of a child, or of a blob that an index lists', async () => {
      const [blob, child] = [blobEntry(await registry.blob(repository)), await pushedImage()];
      const before = await registry.count('registry.manifest');
      const wrong = ({ digest, size, mediaType }: Entry) => ({ digest, size: size + 1, mediaType });
      const found = ({ digest, size }: Entry) => ({ digest, stated: size + 1, size });
      const index = indexOf([child, wrong(child), blob, wrong(blob)]);
      expect(await registry.put(repository, index)).toEqual({ wrongSizes: [found(child), found(blob)] });
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, config: wrong(blob), layers: [wrong(blob)] }));
      const image = { bytes, entry: { digest: digestOf(bytes), mediaType: MANIFEST_TYPE, size: bytes.length } };
      expect(await registry.put(repository, image)).toEqual({ wrongSizes: [found(blob)] });
      expect(await registry.count('registry.manifest')).toBe(before);
    });

    it("does not take another repository's blob for its own", async () => {
      const digest = await registry.blob(await registry.repository());
      expect(await registry.put(repository, imageOf([digest]))).toMatchObject({ missing: [{ digest }] });
    });

    it('does not know a repository that does not exist', async () => {
      expect(await registry.put(NOWHERE, imageOf([anyDigest()]))).toBe('repository-unknown');
    });

    it('stores the same manifest twice as one, with the tags of both', async () => {
      const image = await anImage();
      await registry.push(repository, image, ['one']);
      await registry.push(repository, image, ['two']);
      expect(await registry.count('registry.manifest')).toBe(1);
      expect(await referencesOf(image.entry.digest)).toHaveLength(2);
      expect(await tagsOf()).toEqual(['one', 'two']);
      expect(await events()).toBe(2);
    });

    it('stores a manifest whose subject does not exist', async () => {
      const subject = { digest: anyDigest(), mediaType: MANIFEST_TYPE, size: 10 };
      const referrer = imageOf([await registry.blob(repository)], { subject });
      expect(await registry.put(repository, referrer)).toBe('stored');
      expect(await find(referrer.entry.digest)).toMatchObject({ subjectDigest: subject.digest });
    });

    it('queues a manifest that no tag names, and not one that a tag does', async () => {
      const untagged = await pushedImage();
      const tagged = await pushedImage('latest');
      expect(await registry.manifestReviewOf(repository, untagged.digest)).toBeGreaterThan(LEASE_SECONDS - 60);
      expect(await registry.manifestReviewOf(repository, tagged.digest)).toBeNull();
    });

    describe('of an index', () => {
      it('traces manifests as children', async () => {
        const children = [await pushedImage(), await pushedImage()];
        const index = await registry.push(repository, indexOf(children), ['multi']);
        expect(await childrenOf(index.digest)).toEqual(sorted(...children.map(({ digest }) => digest)));
        expect(await referencesOf(index.digest)).toEqual([]);
      });

      it("traces plain blobs as blobs, as BuildKit's cache lists them", async () => {
        const [layer, config] = await registry.blobsOf(repository, 2);
        const entries = [blobEntry(layer!), blobEntry(config!, 'application/vnd.buildkit.cacheconfig.v0')];
        const index = await registry.push(repository, indexOf(entries));
        expect(await referencesOf(index.digest)).toEqual(sorted(layer!, config!));
        expect(await childrenOf(index.digest)).toEqual([]);
      });

      it('traces a manifest as a child whatever media type its entry has, and an index inside an index', async () => {
        const image = await pushedImage();
        const inner = await registry.push(repository, indexOf([{ ...image, mediaType: 'application/octet-stream' }]));
        expect(await childrenOf(inner.digest)).toEqual(sorted(image.digest));
        const outer = await registry.push(repository, indexOf([inner]));
        expect(await childrenOf(outer.digest)).toEqual(sorted(inner.digest));
      });

      it('lists the missing child and the missing blob, and stores nothing', async () => {
        const child: Entry = { digest: anyDigest(), mediaType: MANIFEST_TYPE, size: 10 };
        const blob = blobEntry(anyDigest());
        expect(await registry.put(repository, indexOf([child, blob]))).toEqual({
          missing: [
            { digest: child.digest, mediaType: MANIFEST_TYPE },
            { digest: blob.digest, mediaType: blob.mediaType },
          ],
        });
        await nothingWasStored();
      });

      it('does not take a blob for the manifest that an entry says it is', async () => {
        const digest = await registry.blob(repository);
        expect(await registry.put(repository, indexOf([blobEntry(digest, MANIFEST_TYPE)]))).toMatchObject({
          missing: [{ digest }],
        });
      });
    });

    describe('while garbage is collected', () => {
      it('R13: stores nothing and says what is missing when a blob goes between the look and the insert', async () => {
        const blobs = (await registry.blobsOf(repository, 5)).sort();
        const gone = blobs[3]!;
        const collector = await lock('SELECT 1 FROM registry.repository_blob WHERE digest = $1 FOR UPDATE', [gone]);
        const put = registry.put(repository, imageOf(blobs), ['latest']);
        await test.untilWaiting(1);
        await collector.rows('DELETE FROM registry.repository_blob WHERE digest = $1', [gone]);
        await collector.rows('COMMIT');
        expect(await put).toMatchObject({ missing: [{ digest: gone }] });
        await nothingWasStored();
        await registry.blob(repository, gone);
        expect(await registry.put(repository, imageOf(blobs), ['latest'])).toBe('stored');
        expect(await referencesOf(imageOf(blobs).entry.digest)).toEqual(sorted(...blobs));
      });

      it('R10: refuses an index, not stores one with a hole, when a child goes between the look and the insert', async () => {
        const child = await pushedImage();
        const collector = await lock('SELECT 1 FROM registry.manifest WHERE digest = $1 FOR UPDATE', [child.digest]);
        const put = registry.put(repository, indexOf([child]));
        await test.untilWaiting(1);
        await collector.rows('DELETE FROM registry.manifest WHERE digest = $1', [child.digest]);
        await collector.rows('COMMIT');
        expect(await put).toMatchObject({ missing: [{ digest: child.digest }] });
        expect(await registry.count('registry.manifest')).toBe(0);
      });
    });

    it('gives a tag that several pushes move at once to one of them, and loses none of the manifests', async () => {
      const images = await Promise.all(Array.from({ length: 8 }, () => anImage()));
      const outcomes = await Promise.all(images.map((image) => registry.put(repository, image, ['latest'])));
      expect(outcomes).toEqual(images.map(() => 'stored'));
      expect(await registry.count('registry.manifest')).toBe(8);
      const winner = (await find('latest'))!.digest;
      expect(images.map(({ entry }) => entry.digest)).toContain(winner);
      expect(await registry.manifestReviewOf(repository, winner)).toBeNull();
      for (const { entry } of images.filter(({ entry }) => entry.digest !== winner)) {
        expect(await registry.manifestReviewOf(repository, entry.digest)).toBeLessThanOrEqual(0);
      }
    });

    it('stores the same manifest once when it is pushed several times at once', async () => {
      const image = await anImage();
      const names = ['a', 'b', 'c', 'd', 'e'];
      const outcomes = await Promise.all(names.map((name) => registry.put(repository, image, [name])));
      expect(outcomes).toEqual(names.map(() => 'stored'));
      expect(await registry.count('registry.manifest')).toBe(1);
      expect(await tagsOf()).toEqual(names);
    });
  });

  describe('find', () => {
    it('leaves out the bytes of digests that the asker has, and of no others', async () => {
      const { digest } = await pushedImage('latest');
      expect(await find('latest', [digest])).toMatchObject({ digest, payload: null });
      expect(await find(digest, [digest])).toMatchObject({ digest, payload: null });
      expect((await find('latest', [anyDigest()]))?.payload).toBeInstanceOf(Buffer);
    });

    it("does not know another repository's manifest or tag", async () => {
      const { digest } = await pushedImage('latest');
      const other = await registry.repository();
      expect(await store.find(other, parseReference(digest), [])).toBeNull();
      expect(await store.find(other, parseReference('latest'), [])).toBeNull();
      expect(await store.find(NOWHERE, parseReference('latest'), [])).toBeNull();
    });

    it('does not take a tag of another case for the same', async () => {
      await pushedImage('Latest');
      expect(await find('latest')).toBeNull();
    });
  });

  describe('delete', () => {
    it('takes the tags along, keeps the blobs, and writes the event', async () => {
      const image = await pushedImage('one', 'two');
      await test.rows('DELETE FROM registry.outbox_event');
      expect(await registry.remove(repository, image.digest)).toBe('deleted');
      expect(await find('one')).toBeNull();
      expect(await tagsOf()).toEqual([]);
      expect(await registry.count('registry.repository_blob')).toBe(2);
      expect(await test.rows('SELECT subject, payload FROM registry.outbox_event')).toEqual([EVENT]);
    });

    it('writes no event where there is nothing to delete', async () => {
      const image = await pushedImage();
      await test.rows('DELETE FROM registry.outbox_event');
      expect(await registry.remove(repository, anyDigest())).toBe('unknown');
      expect(await registry.remove(await registry.repository(), image.digest)).toBe('unknown');
      expect(await events()).toBe(0);
    });

    it('is refused while an index refers to the manifest', async () => {
      const image = await pushedImage('child');
      const index = await registry.push(repository, indexOf([image]), ['multi']);
      expect(await registry.remove(repository, image.digest)).toBe('referenced');
      expect(await tagsOf()).toEqual(['child', 'multi']);
      expect(await registry.remove(repository, index.digest)).toBe('deleted');
      expect(await registry.remove(repository, image.digest)).toBe('deleted');
    });

    it('leaves the same manifest in another repository alone', async () => {
      const other = await registry.repository();
      const image = await anImage();
      await registry.push(repository, image);
      for (const { digest } of await referencesOf(image.entry.digest)) {
        await registry.blobs.mount(other, repository, digest as Digest);
      }
      await registry.push(other, image, ['kept']);
      expect(await registry.remove(repository, image.entry.digest)).toBe('deleted');
      expect(await store.find(other, parseReference('kept'), [])).not.toBeNull();
    });
  });

  describe('what loses a reference is queued for review, however the reference went', () => {
    const overdueSince = async (digest: Digest) => {
      const seconds = await registry.manifestReviewOf(repository, digest);
      expect(seconds).not.toBeNull();
      return seconds;
    };

    it('the blobs of a manifest that is removed', async () => {
      const blobs = await registry.blobsOf(repository, 2);
      const { digest } = await registry.push(repository, imageOf(blobs), ['latest']);
      for (const blob of blobs) await registry.setReview(repository, blob, null);
      await registry.remove(repository, digest);
      for (const blob of blobs) expect(await registry.reviewOf(repository, blob)).toBeLessThanOrEqual(0);
    });

    it('the blobs of a manifest keep the rest of their lease', async () => {
      const blobs = await registry.blobsOf(repository, 1);
      const { digest } = await registry.push(repository, imageOf(blobs));
      await registry.setReview(repository, blobs[0]!, 1_000);
      await registry.remove(repository, digest);
      expect(await registry.reviewOf(repository, blobs[0]!)).toBeGreaterThan(900);
    });

    it('not the blobs of the same digest in another repository', async () => {
      const blob = await registry.blob(repository);
      const other = await registry.repository();
      await registry.blobs.mount(other, repository, blob);
      await registry.setReview(other, blob, null);
      const { digest } = await registry.push(repository, imageOf([blob]));
      await registry.remove(repository, digest);
      expect(await registry.reviewOf(other, blob)).toBeNull();
    });

    it('the manifest that a moved tag named', async () => {
      const [old, next] = [await pushedImage('latest'), await anImage()];
      await registry.push(repository, next, ['latest']);
      expect(await overdueSince(old.digest)).toBeLessThanOrEqual(0);
      expect(await registry.manifestReviewOf(repository, next.entry.digest)).toBeNull();
    });

    it('nothing when a tag is set again to the manifest that it names', async () => {
      const image = await anImage();
      await registry.push(repository, image, ['latest']);
      await registry.push(repository, image, ['latest']);
      expect(await registry.manifestReviewOf(repository, image.entry.digest)).toBeNull();
    });

    it('the manifest that a deleted tag named', async () => {
      const { digest } = await pushedImage('latest');
      await removeTag('latest');
      expect(await overdueSince(digest)).toBeLessThanOrEqual(0);
    });

    it('the children of an index that is removed', async () => {
      const child = await pushedImage('child');
      const index = await registry.push(repository, indexOf([child]), ['multi']);
      await registry.remove(repository, index.digest);
      expect(await overdueSince(child.digest)).toBeLessThanOrEqual(0);
    });

    it('the referrers of a subject that is removed, in its repository', async () => {
      const subject = await pushedImage('subject');
      const referrer = await registry.push(repository, imageOf([await registry.blob(repository)], { subject }), [
        'signature',
      ]);
      await registry.remove(repository, subject.digest);
      expect(await overdueSince(referrer.digest)).toBeLessThanOrEqual(0);
    });
  });

  describe('R24: at the same time as other writers', () => {
    it('deletes a manifest while one of its tags is deleted: neither caller sees a deadlock', async () => {
      const { digest } = await pushedImage('latest');
      const gate = await lock(`SELECT 1 FROM registry.tag WHERE name = 'latest' FOR UPDATE`, []);
      const tagDeleted = removeTag('latest');
      await test.untilWaiting(1);
      const manifestDeleted = registry.remove(repository, digest);
      await test.untilWaiting(2);
      await gate.rows('COMMIT');
      expect(await manifestDeleted).toBe('deleted');
      // Whoever was first: the tag is gone, by its own name or with its manifest.
      expect(['deleted', 'unknown']).toContain(await tagDeleted);
      expect(await tagsOf()).toEqual([]);
    });

    it('deletes an index while its child is deleted: neither caller sees a deadlock', async () => {
      const child = await pushedImage();
      const index = await registry.push(repository, indexOf([child]));
      const gate = await lock('SELECT 1 FROM registry.manifest_child FOR UPDATE', []);
      const childDeleted = registry.remove(repository, child.digest);
      await test.untilWaiting(1);
      const indexDeleted = registry.remove(repository, index.digest);
      await test.untilWaiting(2);
      await gate.rows('COMMIT');
      expect(await indexDeleted).toBe('deleted');
      expect(['deleted', 'referenced']).toContain(await childDeleted);
    });

    it('moves a tag away from a manifest that is deleted: neither caller sees a deadlock', async () => {
      const old = await pushedImage('latest');
      const next = await anImage();
      const gate = await lock(`SELECT 1 FROM registry.tag WHERE name = 'latest' FOR UPDATE`, []);
      const moved = registry.put(repository, next, ['latest']);
      await test.untilWaiting(1);
      const deleted = registry.remove(repository, old.digest);
      await test.untilWaiting(2);
      await gate.rows('COMMIT');
      expect(await Promise.all([moved, deleted])).toEqual(['stored', 'deleted']);
      expect(await find('latest')).toMatchObject({ digest: next.entry.digest });
    });

    it('pushes, deletes and reviews manifests with 50 shared layers in opposite order without an error', async () => {
      const layers = await registry.blobsOf(repository, 50);
      const images = [imageOf(layers), imageOf(layers.toReversed())];
      // Keeps the blobs: what is reviewed meanwhile turns out to be referenced, and is queued again by the next delete.
      await registry.push(repository, imageOf([...layers, await registry.blob(repository)]), ['anchor']);
      for (const layer of layers) await registry.setReview(repository, layer, -1);
      const garbage = new GarbageStore(test.another(), { graceSeconds: 0, pullWindowSeconds: 0 });
      const rounds = 15;

      const pushAndDelete = async (image: ManifestOfTest, tag: string) => {
        const outcomes: unknown[] = [];
        for (let round = 0; round < rounds; round++) {
          outcomes.push(await registry.put(repository, image, [tag, 'latest']));
          outcomes.push(await removeTag('latest'));
          outcomes.push(await registry.remove(repository, image.entry.digest));
        }
        return outcomes;
      };
      let done = false;
      const review = async () => {
        while (!done) for (const link of await garbage.dueLinks(100)) await garbage.reviewLink(link);
      };
      const reviewing = review();
      const outcomes = await Promise.all([
        pushAndDelete(images[0]!, 'one'),
        pushAndDelete(images[1]!, 'two'),
        pushAndDelete(images[0]!, 'three'),
      ]);
      done = true;
      await reviewing;
      for (const outcome of outcomes.flat()) {
        expect(['stored', 'deleted', 'unknown']).toContainEqual(outcome);
      }
      expect(await registry.count('registry.manifest_blob')).toBe(51);
    });

    it('R12: leaves references that agree with the survivor when the same manifest is pushed and deleted at once', async () => {
      const image = await anImage();
      for (let round = 0; round < 30; round++) {
        const [put, removed] = await Promise.all([
          registry.put(repository, image, ['latest']),
          registry.remove(repository, image.entry.digest),
        ]);
        expect(put).toBe('stored');
        expect(['deleted', 'unknown']).toContain(removed);
        const survives = (await find(image.entry.digest)) !== null;
        expect(await referencesOf(image.entry.digest)).toHaveLength(survives ? 2 : 0);
        expect(await tagsOf()).toEqual(survives ? ['latest'] : []);
      }
    });
  });
});
