import type { Viewer } from './organisation.store.js';
import type { RepositoryRow } from './repository-details.js';
import { type RepositoryListQuery, RepositoryListStore, type RepositoryOrder } from './repository-list.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const on = onDatabase();

const WORLD = [
  `INSERT INTO auth.account (id, name) SELECT gen_random_uuid(), name FROM unnest('{acme,other}'::text[]) name`,
  `INSERT INTO auth."user" (id, account_id, name, password_hash, is_administrator)
   SELECT gen_random_uuid(), a.id, u.name, '-', u.name = 'admin' FROM auth.account a, unnest('{admin,many,one,single,nothing}'::text[]) u(name)`,
  `INSERT INTO manage.organisation (name, account_id, creator_id)
   SELECT o.name, a.id, u.id FROM (VALUES ('alpha', 'acme'), ('beta', 'acme'), ('al_ha', 'acme'), ('theirs', 'other')) o(name, account)
   JOIN auth.account a ON a.name = o.account JOIN auth."user" u ON u.account_id = a.id AND u.name = 'admin'`,
  `INSERT INTO registry.repository (organisation_id, path, is_public, category, description)
   SELECT o.id, o.name || '/' || (ARRAY['app', 'web/app', 'db', 'a%b', 'x'])[n % 5 + 1] || n, n % 3 = 0,
     CASE WHEN n % 4 = 0 THEN 'linux' ELSE 'other' END, 'of ' || n
   FROM manage.organisation o, generate_series(1, 23) n`,
  `UPDATE registry.repository_statistics
   SET tag_count = repository_id * 7 % 5, updated_at = '2026-01-01'::timestamptz + (repository_id * 13 % 17) * interval '1 day'`,
  `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
   SELECT o.id, u.id, 1 FROM manage.organisation o JOIN auth."user" u ON u.account_id = o.account_id
   WHERE (u.name = 'many' AND o.name <> 'beta') OR (u.name = 'one' AND o.name = 'alpha')`,
  `INSERT INTO manage.repository_permission (repository_id, user_id, auth)
   SELECT r.id, u.id, 1 FROM registry.repository r JOIN auth."user" u ON u.account_id = r.account_id
   WHERE u.name IN ('many', 'single') AND r.path ~ '(beta|alpha)/.*[13]$'`,
];

interface Known {
  path: string;
  name: string;
  category: string;
  isPublic: boolean;
  updatedAt: Date;
  tagCount: number;
  id: string;
  readers: string[];
}

/** What is read without the store, to compare with. */
const ALL = `SELECT r.id, r.path, r.name, r.category, r.is_public AS "isPublic", s.updated_at AS "updatedAt", s.tag_count AS "tagCount",
    ARRAY(SELECT u.name FROM auth."user" u WHERE u.account_id = o.account_id AND (u.is_administrator
      OR EXISTS (SELECT FROM manage.organisation_permission p WHERE p.user_id = u.id AND p.organisation_id = o.id)
      OR EXISTS (SELECT FROM manage.repository_permission p WHERE p.user_id = u.id AND p.repository_id = r.id))) AS readers
  FROM registry.repository r JOIN registry.repository_statistics s ON s.repository_id = r.id
  JOIN manage.organisation o ON o.id = r.organisation_id JOIN auth.account a ON a.id = o.account_id WHERE a.name = 'acme'`;

const ORDERS: RepositoryOrder[] = ['updatedAt', 'name', 'path', 'tagCount', 'isPublic'];
const FILTERS: Pick<RepositoryListQuery, 'organisation' | 'name' | 'category' | 'isPublic'>[] = [
  {},
  { organisation: 'alpha' },
  { organisation: 'l_h' },
  { organisation: 'a' },
  { organisation: 'theirs' },
  { name: 'app' },
  { name: 'b/a' },
  { name: '%' },
  { name: 'x', organisation: 'alpha' },
  { category: 'linux', isPublic: true },
  { name: 'nowhere' },
];

async function viewerOf(name: string): Promise<Viewer> {
  const [viewer] = await on.test.rows<Viewer>(
    `SELECT u.id AS "userId", a.id AS "accountId", u.is_administrator AS "isAdministrator"
     FROM auth."user" u JOIN auth.account a ON a.id = u.account_id WHERE a.name = 'acme' AND u.name = $1`,
    [name],
  );
  return viewer!;
}

const compare = (a: unknown, b: unknown): number => (a! < b! ? -1 : a! > b! ? 1 : 0);

function expected(
  known: Known[],
  user: string,
  { organisation, name, category, isPublic, ...query }: RepositoryListQuery,
) {
  const found = known.filter(
    (one) =>
      one.readers.includes(user) &&
      (organisation === undefined || one.path.split('/')[0]!.includes(organisation)) &&
      (name === undefined || one.name.includes(name)) &&
      (category === undefined || one.category === category) &&
      (isPublic === undefined || one.isPublic === isPublic),
  );
  found.sort((a, b) => compare(a[query.order], b[query.order]) || Number(a.id) - Number(b.id));
  if (query.descending) found.reverse();
  const paths = found.map(({ path }) => path);
  return { total: paths.length, paths: paths.slice(query.offset, query.offset + query.limit) };
}

const pathOf = ({ organisation, name }: RepositoryRow): string => `${organisation}/${name}`;

describe(RepositoryListStore.name, () => {
  it.each(['admin', 'many', 'one', 'single', 'nothing'])(
    'gives %s what it may read of its account, as a filter and an order over all would',
    async (user) => {
      for (const sql of WORLD) await on.test.rows(sql);
      const store = new RepositoryListStore(on.test.database);
      const known = await on.test.rows<Known>(ALL);
      const viewer = await viewerOf(user);
      const pages = [
        [0, 100],
        [0, 5],
        [7, 5],
        [18, 3],
        [64, 10],
        [1_000, 10],
      ] as const;
      for (const order of ORDERS)
        for (const filter of FILTERS)
          for (const [n, [offset, limit]] of pages.entries()) {
            const query = { viewer, ...filter, order, descending: n % 2 === 0, offset, limit, tags: 0 };
            const { total, repositories } = await store.list(query);
            const shown = { query: [order, filter, offset], total, paths: repositories.map(pathOf) };
            expect(shown).toEqual({ query: [order, filter, offset], ...expected(known, user, query) });
          }
    },
    60_000,
  );

  it('shows the tags that changed last', async () => {
    const repository = await on.registry.repository('acme/app');
    await on.test.rows(
      `WITH m AS (INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload)
         SELECT id, 'sha256:1', 'x', 2, 2, '{}' FROM registry.repository RETURNING id, repository_id)
       INSERT INTO registry.tag (repository_id, name, manifest_id, updated_at)
       SELECT repository_id, 'v' || n, id, '2026-01-01'::timestamptz + n * interval '1 hour' FROM m, generate_series(1, 9) n`,
    );
    const found = await new RepositoryListStore(on.test.database).find(repository, 3);
    expect(found).toMatchObject({ organisation: 'acme', name: 'app', tags: ['v9', 'v8', 'v7'], tagCount: 9, size: 2 });
  });

  it('gives as many as a message should hold, however long their descriptions, and goes on behind them', async () => {
    for (const sql of WORLD) await on.test.rows(sql);
    await on.test.rows(`UPDATE registry.repository SET description = repeat('x', 30000)`);
    const store = new RepositoryListStore(on.test.database);
    const query = { viewer: await viewerOf('admin'), order: 'path', descending: false, limit: 100, tags: 0 } as const;
    const paths: string[] = [];
    for (let total = 1; paths.length < total;) {
      const page = await store.list({ ...query, offset: paths.length });
      total = page.total;
      expect(page.repositories.length).toBeGreaterThan(0);
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(1024 * 1024);
      paths.push(...page.repositories.map(pathOf));
    }
    expect(paths).toEqual([...new Set(paths)].sort());
    expect(paths).toHaveLength(69);
  });

  it('finds no repository that is not there', async () => {
    expect(await new RepositoryListStore(on.test.database).find('acme/none', 3)).toBeNull();
  });
});
