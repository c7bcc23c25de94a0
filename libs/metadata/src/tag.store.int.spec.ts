import { type Digest, parseReference, parseRepositoryName, type RepositoryName, type Tag } from '@berth/oci';
import { deployMigrations } from './migrate.js';
import { RepositoryStore } from './repository.store.js';
import { TagStore } from './tag.store.js';
import { EVENT, imageOf, onDatabase, RegistryFixture } from './testing/registry-fixture.js';
import { TestDatabase } from './testing/test-databases.js';

/** In ASCII: upper case before lower case, and punctuation where ASCII has it. */
const NAMES = ['0.9', '1.10', '1.9', 'A', 'Z', '_x', 'a', 'a-b', 'a.b', 'aB', 'ab', 'z'];

describe(TagStore.name, () => {
  const on = onDatabase();
  let registry: RegistryFixture;
  let repository: RepositoryName;
  let store: TagStore;

  const prepare = async (test: TestDatabase) => {
    registry = new RegistryFixture(test);
    store = new TagStore(test.database);
    repository = await registry.repository();
    const image = imageOf([await registry.blob(repository)]);
    await registry.push(repository, image, NAMES.toReversed());
    await registry.push(await otherRepository(), image, ['elsewhere']);
  };
  const otherRepository = async () => {
    const other = await registry.repository();
    for (const { digest } of await registry.test.rows<{ digest: never }>('SELECT digest FROM registry.blob')) {
      await registry.blobs.mount(other, repository, digest);
    }
    return other;
  };

  describe('list', () => {
    const pages = async (size: number) => {
      const all: string[][] = [];
      for (let after = ''; ;) {
        const page = await store.list(repository, after, size);
        if (page.length === 0) return all;
        all.push(page);
        after = page.at(-1)!;
      }
    };

    const holds = () => {
      it("gives the repository's tags in ASCII order", async () => {
        expect(await store.list(repository, '', 100)).toEqual(NAMES);
      });

      it.each([1, 5, 12])('gives every tag once over pages of %i', async (size) => {
        const all = await pages(size);
        expect(all.flat()).toEqual(NAMES);
        expect(all[0]).toHaveLength(size);
      });

      it('starts behind a tag that does not exist', async () => {
        expect(await store.list(repository, 'Zz', 2)).toEqual(['_x', 'a']);
        expect(await store.list(repository, 'zz', 2)).toEqual([]);
      });
    };

    describe('on a database that compares as C does', () => {
      beforeEach(() => prepare(on.test));
      holds();

      it('gives nothing for a limit of 0, nor for a repository that does not exist', async () => {
        expect(await store.list(repository, '', 0)).toEqual([]);
        expect(await store.list(parseRepositoryName('acme/nowhere'), '', 10)).toEqual([]);
      });
    });

    describe('on a database whose default order is that of American English', () => {
      let english: TestDatabase;
      beforeAll(async () => {
        const { postgres } = on.databases;
        const session = await new TestDatabase(postgres.url).session();
        await session.rows(
          `CREATE DATABASE english TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'`,
        );
        await session.close();
        await deployMigrations(postgres.urlOf('english'));
        english = new TestDatabase(postgres.urlOf('english'));
        expect(await english.value(`SELECT 'a' < 'Z'`)).toBe(true);
        await prepare(english);
      });
      afterAll(() => english?.close());
      holds();
    });
  });

  describe('delete', () => {
    beforeEach(() => prepare(on.test));

    it('removes the tag, keeps the manifest, and writes the event once', async () => {
      await on.test.rows('DELETE FROM registry.outbox_event');
      expect(await store.delete(repository, 'a' as Tag, EVENT)).toBe('deleted');
      expect(await store.delete(repository, 'a' as Tag, EVENT)).toBe('unknown');
      expect(await store.list(repository, '', 100)).toEqual(NAMES.filter((name) => name !== 'a'));
      expect(await registry.count('registry.manifest')).toBe(2);
      expect(await on.test.rows('SELECT subject, payload FROM registry.outbox_event')).toEqual([EVENT]);
    });

    it("leaves another repository's tags alone", async () => {
      expect(await store.delete(repository, 'elsewhere' as Tag, EVENT)).toBe('unknown');
      expect(await registry.count('registry.tag')).toBe(NAMES.length + 1);
    });

    it('deletes once when it is asked twice at once', async () => {
      const outcomes = await Promise.all([
        store.delete(repository, 'a' as Tag, EVENT),
        store.delete(repository, 'a' as Tag, EVENT),
      ]);
      expect(outcomes.sort()).toEqual(['deleted', 'unknown']);
    });

    describe('with a condition', () => {
      const named = async (name: string) =>
        (await registry.manifests.find(repository, parseReference(name), []))?.digest ?? null;
      const remove = (name: string, holds: (named: Digest) => boolean) =>
        store.delete(repository, name as Tag, EVENT, holds);

      it('removes the tag where it holds of what the tag names, and else nothing', async () => {
        const digest = await named('a');
        await on.test.rows('DELETE FROM registry.outbox_event');
        expect(await remove('a', (found) => found !== digest)).toBe('precondition-failed');
        expect(await remove('nothing', () => false)).toBe('unknown');
        expect(await registry.count('registry.outbox_event')).toBe(0);
        expect(await named('a')).toBe(digest);
        expect(await remove('a', (found) => found === digest)).toBe('deleted');
        expect(await named('a')).toBeNull();
        expect(await on.test.rows('SELECT subject, payload FROM registry.outbox_event')).toEqual([EVENT]);
      });

      it('looks at what the tag names when it is its turn: a tag that was moved meanwhile stays', async () => {
        const before = await named('a');
        const moved = imageOf([await registry.blob(repository)]);
        await registry.push(repository, moved);
        const gate = await on.test.session();
        await gate.rows('BEGIN');
        await gate.rows(
          `UPDATE registry.tag SET manifest_id = (SELECT id FROM registry.manifest WHERE digest = $1)
           WHERE name = 'a'`,
          [moved.entry.digest],
        );
        const deleted = remove('a', (found) => found === before);
        await on.test.untilWaiting(1);
        await gate.rows('COMMIT');
        expect(await deleted).toBe('precondition-failed');
        expect(await named('a')).toBe(moved.entry.digest);
      });
    });
  });

  describe('retag', () => {
    beforeEach(() => prepare(on.test));
    const named = async (name: string) =>
      (await registry.manifests.find(repository, parseReference(name), []))?.digest ?? null;
    const retag = (source: string, destination: string, override = false, name = repository) =>
      store.retag({
        repository: name,
        source: source as Tag,
        destination: destination as Tag,
        override,
        event: (manifest) => ({ subject: 'test.retagged.v1', payload: { ...manifest } }),
      });
    const events = () => on.test.rows(`SELECT payload FROM registry.outbox_event WHERE subject = 'test.retagged.v1'`);
    const another = async (tag: string) => {
      const image = imageOf([await registry.blob(repository)]);
      await registry.push(repository, image, [tag]);
      return image;
    };
    /** A transaction that moves a tag, as a push does, and is not over. */
    const moving = async (tag: string, digest: Digest) => {
      const push = await on.test.session();
      await push.rows('BEGIN');
      await push.rows(
        `UPDATE registry.tag SET manifest_id = (SELECT id FROM registry.manifest WHERE digest = $1) WHERE name = $2`,
        [digest, tag],
      );
      return push;
    };

    it('names the same manifest by another tag, and tells of it', async () => {
      const digest = await named('a');
      expect(await retag('a', 'new')).toEqual({ digest });
      expect([await named('a'), await named('new')]).toEqual([digest, digest]);
      expect(await events()).toEqual([{ payload: { digest, mediaType: expect.any(String) } }]);
    });

    it('moves a tag that is there when it is told to, and otherwise leaves it', async () => {
      const { entry } = await another('b');
      const before = await named('a');
      expect(await retag('b', 'a')).toBe('destination-exists');
      expect(await named('a')).toBe(before);
      expect(await events()).toEqual([]);
      expect(await retag('b', 'a', true)).toEqual({ digest: entry.digest });
      expect(await named('a')).toBe(entry.digest);
    });

    it('of what is not there says what', async () => {
      expect(await retag('nothing', 'new')).toBe('source-unknown');
      expect(await retag('elsewhere', 'new')).toBe('source-unknown');
      expect(await retag('a', 'new', false, parseRepositoryName('acme/nowhere'))).toBe('repository-unknown');
      expect(await events()).toEqual([]);
    });

    it('gives what the source names when it is its turn', async () => {
      const { entry } = await another('b');
      const push = await moving('a', entry.digest);
      const retagged = retag('a', 'new');
      await on.test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await retagged).toEqual({ digest: entry.digest });
      expect(await named('new')).toBe(entry.digest);
    });

    it('comes behind a push of the destination that was there first', async () => {
      const { entry } = await another('b');
      const before = await named('a');
      for (const override of [false, true]) {
        const push = await moving('z', entry.digest);
        const retagged = retag('a', 'z', override);
        await on.test.untilWaiting(1);
        await push.rows('COMMIT');
        expect(await retagged).toEqual(override ? { digest: before } : 'destination-exists');
        expect(await named('z')).toBe(override ? before : entry.digest);
      }
    });

    it('does not move a destination that a push makes in this moment', async () => {
      const push = await on.test.session();
      await push.rows('BEGIN');
      await push.rows(
        `INSERT INTO registry.tag (repository_id, name, manifest_id)
         SELECT repository_id, 'new', manifest_id FROM registry.tag WHERE name = 'z'`,
      );
      const retagged = retag('a', 'new');
      await on.test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await retagged).toBe('destination-exists');
    });

    it('finds no source whose tag or manifest goes in this moment', async () => {
      for (const going of [
        `DELETE FROM registry.tag WHERE name = 'a'`,
        `DELETE FROM registry.manifest WHERE id = (SELECT manifest_id FROM registry.tag WHERE name = 'b')`,
      ]) {
        if (going.includes("'b'")) await another('b');
        const end = await on.test.session();
        await end.rows('BEGIN');
        await end.rows(going);
        const retagged = retag(going.includes("'b'") ? 'b' : 'a', 'new');
        await on.test.untilWaiting(1);
        await end.rows('COMMIT');
        expect(await retagged).toBe('source-unknown');
      }
    });

    it('of two tags for each other at once ends, with both as one of them was', async () => {
      const { entry } = await another('b');
      const before = await named('a');
      for (let round = 0; round < 5; round++) {
        await Promise.all([retag('a', 'b', true), retag('b', 'a', true)]);
        expect([await named('a'), await named('b')]).toEqual([await named('b'), await named('a')]);
        expect([entry.digest, before]).toContain(await named('a'));
        await on.test.rows(
          `UPDATE registry.tag SET manifest_id = (SELECT id FROM registry.manifest WHERE digest = $1) WHERE name = 'b'`,
          [entry.digest],
        );
      }
    });
  });
});

describe(RepositoryStore.name, () => {
  const on = onDatabase();

  it('makes a repository once, and leaves one that is there as it is', async () => {
    await on.registry.repository('acme/first');
    const store = new RepositoryStore(on.test.database);
    const path = parseRepositoryName('acme/app');
    expect(await store.exists(path)).toBe(false);
    await Promise.all([1, 2].map(() => store.create(path, { isPublic: true })));
    await store.create(path, { isPublic: false });
    expect(await store.exists(path)).toBe(true);
    expect(await on.test.value('SELECT is_public FROM registry.repository WHERE path = $1', [path])).toBe(true);
  });
});
