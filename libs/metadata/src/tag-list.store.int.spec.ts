import { parseRepositoryName, type RepositoryName, type Tag } from '@berth/oci';
import { TagListStore, type TagOrder } from './tag-list.store.js';
import { imageOf, onDatabase } from './testing/registry-fixture.js';

const on = onDatabase();

const NAMES = ['v1', 'v2', 'v10', 'a_b', 'aXb', 'latest', 'V3', 'sha-10'];

async function tagged(): Promise<{ repository: RepositoryName; store: TagListStore }> {
  const repository = await on.registry.repository('acme/app');
  const blobs = await on.registry.blobsOf(repository, 3);
  await on.registry.push(repository, imageOf([blobs[0]!, blobs[1]!]), NAMES.slice(0, 4));
  await on.registry.push(repository, imageOf([blobs[0]!, blobs[2]!]), NAMES.slice(4));
  await on.test.rows(
    `UPDATE registry.tag SET updated_at = '2026-01-01'::timestamptz + (id * 5 % 7) * interval '1 hour'`,
  );
  return { repository, store: new TagListStore(on.test.database) };
}

describe(TagListStore.name, () => {
  it('pages in either order and direction, from either end', async () => {
    const { repository, store } = await tagged();
    const known = await on.test.rows<{ name: Tag; updatedAt: Date }>(
      'SELECT name, updated_at AS "updatedAt" FROM registry.tag ORDER BY name',
    );
    for (const order of ['name', 'updatedAt'] as TagOrder[])
      for (const descending of [true, false])
        for (const [offset, limit] of [
          [0, 3],
          [3, 3],
          [6, 3],
          [0, 100],
          [8, 1],
        ] as const)
          for (const name of [undefined, '_', 'v']) {
            const sorted = known.filter((tag) => name === undefined || tag.name.includes(name));
            if (order === 'updatedAt') sorted.sort((a, b) => a.updatedAt.getTime() - b.updatedAt.getTime());
            if (descending) sorted.reverse();
            const query = { repository, order, descending, offset, limit, ...(name !== undefined && { name }) };
            const page = await store.list(query);
            expect({ total: page!.total, names: page!.tags.map((tag) => tag.name) }).toEqual({
              total: sorted.length,
              names: sorted.slice(offset, offset + limit).map((tag) => tag.name),
            });
          }
  });

  it('gives what a tag names', async () => {
    const { repository, store } = await tagged();
    const found = await store.find(repository, 'v1' as Tag);
    const { tags } = (await store.list({ repository, order: 'name', descending: false, offset: 0, limit: 100 }))!;
    expect(tags).toContainEqual(found);
    expect(found).toMatchObject({ name: 'v1', mediaType: 'application/vnd.oci.image.manifest.v1+json' });
    expect(found!.imageSize).toBe(2_000 + found!.payload.length);
  });

  it('gives as many as a message should hold, however large their manifests, and goes on behind them', async () => {
    const { repository, store } = await tagged();
    await on.test.rows('UPDATE registry.manifest SET size = 150 * 1024');
    const names: string[] = [];
    const counts: number[] = [];
    for (let offset = 0; offset < NAMES.length; offset = names.length) {
      const { tags } = (await store.list({ repository, order: 'name', descending: true, offset, limit: 100 }))!;
      counts.push(tags.length);
      names.push(...tags.map((tag) => tag.name));
    }
    expect(counts).toEqual([2, 2, 2, 2]);
    expect(names).toEqual([...NAMES].sort().reverse());
  });

  it('knows no repository and no tag that is not there', async () => {
    const { repository, store } = await tagged();
    const nowhere = parseRepositoryName('acme/none');
    const query = { order: 'name', descending: false, offset: 0, limit: 1 } as const;
    expect(await store.list({ repository: nowhere, ...query })).toBeNull();
    expect(await store.find(repository, 'none' as Tag)).toBeNull();
    expect(await store.list({ repository, name: 'none', ...query })).toEqual({ total: 0, tags: [] });
  });
});
