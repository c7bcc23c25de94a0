import type { RepositoryName, Tag } from '@berth/oci';
import { ManifestStore } from './manifest.store.js';
import { TagStore } from './tag.store.js';
import { EVENT, imageOf, newManifest, onDatabase } from './testing/registry-fixture.js';

describe(`${ManifestStore.name} with a quota of tags`, () => {
  const on = onDatabase();
  let repository: RepositoryName;
  let image: ReturnType<typeof imageOf>;
  beforeEach(async () => {
    repository = await on.registry.repository();
    image = imageOf([await on.registry.blob(repository)]);
  });

  const push = (store: ManifestStore, tags: string[], precondition?: { tag: string; holds: boolean }) =>
    store.put({
      ...newManifest(repository, image, tags),
      ...(precondition && { precondition: { tag: precondition.tag as Tag, holds: () => precondition.holds } }),
    });
  const tags = async () =>
    (await on.test.rows<{ name: string }>('SELECT name FROM registry.tag ORDER BY name')).map(({ name }) => name);

  it('stores up to it, moves what is there, and refuses one more, with its manifest', async () => {
    const store = new ManifestStore(on.test.database, 2);
    expect(await push(store, ['a', 'b', 'c'])).toBe('tag-quota-reached');
    expect(await on.registry.count('registry.manifest')).toBe(0);
    expect(await push(store, ['a'])).toBe('stored');
    expect(await push(store, ['b', 'c'])).toBe('tag-quota-reached');
    expect(await push(store, ['b'])).toBe('stored');
    expect(await push(store, ['a', 'b'])).toBe('stored');
    expect(await push(store, ['c'])).toBe('tag-quota-reached');
    expect(await push(store, [])).toBe('stored');
    expect(await tags()).toEqual(['a', 'b']);
    await on.test.rows(`DELETE FROM registry.tag WHERE name = 'a'`);
    expect(await push(store, ['c'])).toBe('stored');
  });

  it('counts the tags of each repository for itself', async () => {
    const store = new ManifestStore(on.test.database, 1);
    expect(await push(store, ['a'])).toBe('stored');
    repository = await on.registry.repository();
    image = imageOf([await on.registry.blob(repository)]);
    expect(await push(store, ['a'])).toBe('stored');
  });

  it('lets tags be moved where there are more than it allows since it was set', async () => {
    await push(new ManifestStore(on.test.database), ['a', 'b', 'c']);
    const store = new ManifestStore(on.test.database, 1);
    expect(await push(store, ['a', 'c'])).toBe('stored');
    expect(await push(store, ['a', 'd'])).toBe('tag-quota-reached');
  });

  it('does not pass it, however many come at once', async () => {
    const store = new ManifestStore(on.test.database, 3);
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => push(store, [`t${n}`])));
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === 'tag-quota-reached')).toHaveLength(5);
    expect(await tags()).toHaveLength(3);
  });

  it('judges a precondition first, and beside conditional pushes and deletions of the same tag passes nothing', async () => {
    const store = new ManifestStore(on.test.database, 1);
    expect(await push(store, ['a'], { tag: 'a', holds: true })).toBe('stored');
    expect(await push(store, ['b'], { tag: 'b', holds: false })).toBe('precondition-failed');
    expect(await push(store, ['b'], { tag: 'b', holds: true })).toBe('tag-quota-reached');
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        n % 3 === 0
          ? on.registry.remove(repository, image.entry.digest)
          : push(store, ['a'], n % 3 === 1 ? { tag: 'a', holds: true } : undefined),
      ),
    );
    for (const outcome of outcomes) {
      expect(['stored', 'precondition-failed', 'deleted', 'unknown']).toContain(outcome);
    }
  });

  it('holds for a retag too, beside pushes, and lets it move a tag', async () => {
    const store = new ManifestStore(on.test.database, 3);
    await push(store, ['a']);
    const retags = new TagStore(on.test.database, 3);
    const retag = (destination: string) =>
      retags.retag({
        repository,
        source: 'a' as Tag,
        destination: destination as Tag,
        override: true,
        event: () => EVENT,
      });
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? push(store, [`t${n}`]) : retag(`t${n}`))),
    );
    expect(outcomes.filter((outcome) => outcome === 'tag-quota-reached')).toHaveLength(6);
    const [first, second] = (await tags()).filter((tag) => tag !== 'a');
    expect(await retag(first!)).toEqual({ digest: image.entry.digest });
    expect(await retag(second!)).toEqual({ digest: image.entry.digest });
    expect(await tags()).toHaveLength(3);
  });

  it('locks nothing without one', async () => {
    const session = await on.test.session();
    await session.rows('BEGIN');
    await session.rows('SELECT FROM registry.repository FOR NO KEY UPDATE');
    expect(await push(new ManifestStore(on.test.database), ['a'])).toBe('stored');
    const limited = push(new ManifestStore(on.test.database, 9), ['b']);
    await on.test.untilWaiting(1);
    expect(await tags()).toEqual(['a']);
    await session.rows('COMMIT');
    expect(await limited).toBe('stored');
  });
});
