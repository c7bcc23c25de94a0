import { randomInt } from 'node:crypto';
import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { GarbageStore } from './garbage.store.js';
import { TagStore } from './tag.store.js';
import {
  type Entry,
  EVENT,
  imageOf,
  indexOf,
  onDatabase,
  PULL_WINDOW_SECONDS,
  type RegistryFixture,
} from './testing/registry-fixture.js';

const on = onDatabase();

const SHOWN = `SELECT s.tag_count AS tags, s.size FROM registry.repository_statistics s
  JOIN registry.repository r ON r.id = s.repository_id WHERE r.path = $1`;
const RECOMPUTED = `SELECT (SELECT count(*)::int FROM registry.tag t WHERE t.repository_id = r.id) AS tags,
    (SELECT coalesce(sum(b.size), 0) FROM registry.repository_blob rb JOIN registry.blob b ON b.digest = rb.digest
       WHERE rb.repository_id = r.id)
    + (SELECT coalesce(sum(m.size), 0) FROM registry.manifest m WHERE m.repository_id = r.id) AS size
  FROM registry.repository r WHERE r.path = $1`;

async function statisticsOf(repository: RepositoryName): Promise<{ tags: number; size: string }> {
  const [shown] = await on.test.rows<{ tags: number; size: string }>(SHOWN, [repository]);
  return shown!;
}

async function expectRecomputed(repository: RepositoryName): Promise<void> {
  expect([await statisticsOf(repository)]).toEqual(await on.test.rows(RECOMPUTED, [repository]));
}

const imageSizeOf = (repository: RepositoryName, digest: Digest): Promise<string> =>
  on.test.value(
    `SELECT m.image_size FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
     WHERE r.path = $1 AND m.digest = $2`,
    [repository, digest],
  );

describe('the statistics of a repository', () => {
  it('begin with nothing', async () => {
    const repository = await on.registry.repository();
    expect(await statisticsOf(repository)).toEqual({ tags: 0, size: '0' });
  });

  it('count a layer once that several images share', async () => {
    const repository = await on.registry.repository();
    const [config, shared, own] = await on.registry.blobsOf(repository, 3);
    const first = imageOf([config!, shared!]);
    const second = imageOf([config!, shared!, own!]);
    await on.registry.push(repository, first, ['a', 'b']);
    await on.registry.push(repository, second, ['c']);
    const size = 3 * 1_000 + first.bytes.length + second.bytes.length;
    expect(await statisticsOf(repository)).toEqual({ tags: 3, size: String(size) });
  });

  it('count a layer in each repository that has it', async () => {
    const [one, other] = [await on.registry.repository(), await on.registry.repository()];
    const digest = await on.registry.blob(one);
    expect(await on.registry.blobs.mount(other, one, digest)).toBe(true);
    expect(await on.registry.blobs.mount(other, one, digest)).toBe(true);
    expect((await statisticsOf(other)).size).toBe('1000');
  });

  it('say when a tag was last set, also to what it named before', async () => {
    const repository = await on.registry.repository();
    const image = imageOf(await on.registry.blobsOf(repository, 2));
    await on.registry.push(repository, image, ['a']);
    await on.test.rows(`UPDATE registry.repository_statistics SET updated_at = 'epoch'`);
    await on.registry.push(repository, image, ['a']);
    expect(
      await on.test.value(`SELECT updated_at > now() - interval '1 minute' FROM registry.repository_statistics`),
    ).toBe(true);
  });

  it('follow a manifest with very many tags in one step', async () => {
    const repository = await on.registry.repository();
    const { digest } = await on.registry.push(repository, imageOf(await on.registry.blobsOf(repository, 2)), ['a']);
    await on.test.rows(
      `INSERT INTO registry.tag (repository_id, name, manifest_id)
       SELECT repository_id, 'v' || n, manifest_id FROM registry.tag, generate_series(1, 20000) n`,
    );
    expect((await statisticsOf(repository)).tags).toBe(20_001);
    expect(await on.registry.remove(repository, digest)).toBe('deleted');
    await expectRecomputed(repository);
    expect(await on.registry.count('registry.statistics_change')).toBe(0);
  });

  it('are those of the rows after whatever happened, at once or one after the other', async () => {
    const repositories = [await on.registry.repository(), await on.registry.repository()];
    const garbage = new GarbageStore(on.test.database, { graceSeconds: 0, pullWindowSeconds: PULL_WINDOW_SECONDS });
    const shared = await on.registry.blobsOf(repositories[0]!, 6);
    for (let round = 0; round < 12; round++) {
      await Promise.all(repositories.map((repository) => happen(on.registry, repository, repositories[0]!, shared)));
      for (const due of await garbage.dueLinks(3)) await garbage.reviewLink(due);
      for (const repository of repositories) await expectRecomputed(repository);
    }
  });
});

describe('the size of an image', () => {
  it('is what a pull of it moves, a blob that it names twice counted once', async () => {
    const repository = await on.registry.repository();
    const [config, layer] = await on.registry.blobsOf(repository, 2);
    const image = imageOf([config!, layer!, layer!]);
    const { digest } = await on.registry.push(repository, image);
    expect(await imageSizeOf(repository, digest)).toBe(String(2_000 + image.bytes.length));
  });

  it('is that of all images of an index, and the index', async () => {
    const repository = await on.registry.repository();
    const blobs = await on.registry.blobsOf(repository, 3);
    const images = [imageOf([blobs[0]!, blobs[1]!]), imageOf([blobs[0]!, blobs[2]!])];
    const entries: Entry[] = [];
    for (const image of images) entries.push(await on.registry.push(repository, image));
    const index = indexOf(entries);
    const { digest } = await on.registry.push(repository, index, ['multi']);
    const bytes = [...images, index].reduce((sum, made) => sum + made.bytes.length, 0);
    expect(await imageSizeOf(repository, digest)).toBe(String(4_000 + bytes));
  });
});

describe('the statistics of an organisation', () => {
  const shown = async () => {
    const [row] = await on.test.rows(
      `SELECT coalesce(sum(s.repository_count), 0)::int AS repositories, coalesce(sum(s.tag_count), 0)::int AS tags,
         coalesce(sum(s.size), 0)::int AS size
       FROM registry.organisation_statistics s JOIN manage.organisation o ON o.id = s.organisation_id WHERE o.name = 'acme'`,
    );
    return row;
  };

  it('count its repositories, and go with it', async () => {
    await on.registry.repository('acme/a');
    for (const path of ['acme/b', 'acme/c', 'acme/d']) await on.registry.repository(path);
    expect(await shown()).toEqual({ repositories: 4, tags: 0, size: 0 });
    await on.test.rows(`DELETE FROM registry.repository WHERE path = 'acme/b'`);
    expect(await shown()).toEqual({ repositories: 3, tags: 0, size: 0 });
    await on.test.rows('DELETE FROM registry.repository');
    await on.test.rows('DELETE FROM manage.organisation');
    expect(await on.registry.count('registry.organisation_statistics')).toBe(0);
    expect(await on.registry.count('registry.repository_statistics')).toBe(0);
  });

  it('lose all that a repository had, which goes in one transaction with its content', async () => {
    const repository = await on.registry.repository('acme/a');
    await on.registry.push(repository, imageOf(await on.registry.blobsOf(repository, 3)), ['one', 'two']);
    const session = await on.test.session();
    for (const sql of [
      'BEGIN',
      `DELETE FROM registry.tag WHERE name = 'one'`,
      'DELETE FROM registry.manifest',
      'DELETE FROM registry.repository_blob',
      'DELETE FROM registry.repository',
      'COMMIT',
    ]) {
      await session.rows(sql);
    }
    expect(await shown()).toEqual({ repositories: 0, tags: 0, size: 0 });
  });

  it('sum up its repositories', async () => {
    const repositories = [await on.registry.repository('acme/a'), await on.registry.repository('acme/b')];
    for (const repository of repositories) {
      await on.registry.push(repository, imageOf(await on.registry.blobsOf(repository, 3)), ['one', 'two']);
    }
    const [sum] = await on.test.rows(
      `SELECT count(*)::int AS repositories, sum(tag_count)::int AS tags, sum(size)::int AS size FROM registry.repository_statistics`,
    );
    expect(await shown()).toEqual(sum);
    await on.test.rows('DELETE FROM registry.tag');
    expect(await shown()).toMatchObject({ tags: 0 });
  });
});

/** Something that clients do, by chance. */
async function happen(
  registry: RegistryFixture,
  repository: RepositoryName,
  from: RepositoryName,
  shared: Digest[],
): Promise<void> {
  const tags = new TagStore(on.test.database);
  const some = (): Digest => shared[randomInt(shared.length)]!;
  const tag = `t${randomInt(4)}` as Tag;
  for (const chance of [randomInt(4), randomInt(4)]) {
    if (chance === 0) await tags.delete(repository, tag, EVENT);
    const [digest] = await on.test.rows<{ digest: Digest }>(
      `SELECT m.digest FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
       WHERE r.path = $1 ORDER BY random() LIMIT 1`,
      [repository],
    );
    if (chance === 1 && digest) await registry.remove(repository, digest.digest);
    if (chance < 2) continue;
    const blobs = [some(), some(), await registry.blob(repository)];
    for (const blob of blobs) await registry.blobs.mount(repository, from, blob);
    // Collection may have been faster: then it is refused, which is no matter here.
    await registry.put(repository, imageOf(blobs), [tag]);
  }
}
