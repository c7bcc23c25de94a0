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
});

describe(RepositoryStore.name, () => {
  const on = onDatabase();

  it('makes a repository once, and leaves one that is there as it is', async () => {
    await on.registry.repository('acme/first');
    const store = new RepositoryStore(on.test.database);
    const organisation = await on.test.value<string>('SELECT id FROM manage.organisation');
    const path = parseRepositoryName('acme/app');
    expect(await store.exists(path)).toBe(false);
    await Promise.all([store.create(path, organisation, true), store.create(path, organisation, true)]);
    await store.create(path, organisation, false);
    expect(await store.exists(path)).toBe(true);
    expect(await on.test.value('SELECT is_public FROM registry.repository WHERE path = $1', [path])).toBe(true);
  });
});
