import { randomUUID } from 'node:crypto';
import { displayName, parseRepositoryName } from '@berth/oci';
import { ReadableRepositoryStore, type ReadingUser } from './readable-repository.store.js';
import type { Database } from './database.js';
import { onDatabase } from './testing/registry-fixture.js';

/** That it reads by the rule of the access engine is held in apps/auth, where that is. */
describe(ReadableRepositoryStore.name, () => {
  const on = onDatabase();
  let store: ReadableRepositoryStore;
  beforeEach(() => {
    store = new ReadableRepositoryStore(on.test.database);
  });

  it.each([
    'busybox',
    'library/a/b',
    'library/manage',
    'library-x/app',
    'librarya/b',
    'acme/library/app',
    'acme/manage',
    'a/b/c',
    'blobs',
    'a.b_c__d-e/x',
  ])('displays %s as every other part of Berth does', async (spelled) => {
    const name = await on.registry.repository(spelled);
    expect(await store.listAll('', 10)).toEqual([displayName(name)]);
  });

  it('orders by what is displayed, as ASCII', async () => {
    for (const name of ['zeta', 'a-b/x', 'a/x', 'a0/x', 'library/x/y', 'alpine', 'm/x'])
      await on.registry.repository(name);
    expect(await store.listAll('', 10)).toEqual(['a-b/x', 'a/x', 'a0/x', 'alpine', 'library/x/y', 'm/x', 'zeta']);
  });

  it('looks at a thousand repositories for one to mount from, and at no more', async () => {
    const repository = await on.registry.repository('acme/public');
    const digest = await on.registry.blob(repository);
    await on.test.rows(`UPDATE registry.repository SET is_public = true WHERE path = 'acme/public'`);
    expect(await store.findMountSource(null, digest)).toBe(parseRepositoryName('acme/public'));
    // The same link behind two thousand that anonymous may not read.
    await on.test.rows('DELETE FROM registry.repository_blob');
    await on.test.rows(
      `WITH private AS (INSERT INTO registry.repository (organisation_id, path)
         SELECT organisation_id, 'acme/private' || n FROM registry.repository, generate_series(1, 2000) n RETURNING id)
       INSERT INTO registry.repository_blob (repository_id, digest, size) SELECT id, $1, 1 FROM private`,
      [digest],
    );
    await on.test.rows(
      `INSERT INTO registry.repository_blob (repository_id, digest, size)
       SELECT id, $1, 1 FROM registry.repository WHERE path = 'acme/public'`,
      [digest],
    );
    expect(await store.findMountSource(null, digest)).toBeNull();
  });

  describe('among a hundred thousand repositories in 500 organisations', () => {
    const PAGE = 100;
    /** Of 8 KiB. All repositories are 2,000 and more; a page costs the organisations and some rows for each way to a right. */
    const FEW = 400;
    const user: ReadingUser = { id: randomUUID(), accountId: randomUUID(), isAdministrator: true };

    beforeEach(async () => {
      const { id, accountId } = user;
      for (const sql of [
        `INSERT INTO auth.account (id, name) VALUES ('${accountId}', 'acme')`,
        `INSERT INTO auth."user" (id, account_id, name, password_hash) VALUES ('${id}', '${accountId}', 'ann', '-')`,
        `INSERT INTO manage.organisation (name, account_id, creator_id)
         SELECT CASE n WHEN 1 THEN 'library' ELSE 'org' || n END, '${accountId}', '${id}' FROM generate_series(1, 500) n`,
        `INSERT INTO registry.repository (organisation_id, path, is_public)
         SELECT o.id, o.name || '/app' || n, n % 100 = 0 FROM manage.organisation o, generate_series(1, 200) n`,
        `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth) SELECT id, '${id}', 1 FROM manage.organisation`,
        `INSERT INTO manage.repository_permission (repository_id, user_id, auth)
         SELECT id, '${id}', 3 FROM registry.repository ORDER BY id LIMIT 50`,
        'VACUUM ANALYZE auth."user", manage.organisation, manage.organisation_permission, registry.repository',
      ]) {
        await on.test.rows(sql);
      }
    }, 60_000);

    /** The store on a session that says how many blocks each statement reads, by the plan for all values. */
    async function counting() {
      const session = await on.test.session();
      const counts: number[] = [];
      const rows = async ({ text }: { text: string }, values: unknown[]) => {
        const name = `q${counts.length}`;
        await session.rows(`SET plan_cache_mode = force_generic_plan`);
        await session.rows(`PREPARE ${name} AS ${text}`);
        const execute = `EXECUTE ${name}(${values.map((value) => `'${String(value)}'`).join()})`;
        const [row] = await session.rows(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${execute}`);
        const [{ Plan: plan }] = row!['QUERY PLAN'] as [{ Plan: Record<string, number> }];
        counts.push(plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!);
        return session.rows(execute);
      };
      return { store: new ReadableRepositoryStore({ rows } as unknown as Database), counts };
    }

    it('reads a page at little cost, wherever it is in the list', async () => {
      const { store: counted, counts } = await counting();
      const pages = [];
      for (const after of ['', 'app50', 'org250/app', 'org499/app1', 'zzz']) {
        pages.push(await counted.list(user, after, PAGE));
        await counted.list({ ...user, isAdministrator: false }, after, PAGE);
        await counted.list(null, after, PAGE);
        await counted.listAll(after, PAGE);
      }
      expect(pages.map((page) => page.length)).toEqual([PAGE, PAGE, PAGE, PAGE, 0]);
      expect(pages[2]!.slice(0, 2)).toEqual(['org250/app1', 'org250/app10']);
      expect(counts.filter((count) => count > FEW)).toEqual([]);
    });
  });
});
