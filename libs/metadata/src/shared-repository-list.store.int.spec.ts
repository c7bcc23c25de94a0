import { PublicRepositoryListStore } from './public-repository-list.store.js';
import {
  type SharedRepositoryListQuery,
  SharedRepositoryListStore,
  type SharedRepositoryOrder,
} from './shared-repository-list.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const on = onDatabase();

/** Two accounts that share with each other and with a third; names and times are not in one order. */
const WORLD = [
  `INSERT INTO auth.account (id, name) SELECT gen_random_uuid(), name FROM unnest('{acme,other,third}'::text[]) name`,
  `INSERT INTO auth."user" (id, account_id, name, password_hash, is_administrator)
   SELECT gen_random_uuid(), a.id, u.name, '-', u.name = 'admin' FROM auth.account a, unnest('{admin,one,single}'::text[]) u(name)`,
  `INSERT INTO manage.organisation (name, account_id, creator_id)
   SELECT a.name || '-' || part, a.id, u.id FROM auth.account a JOIN auth."user" u ON u.account_id = a.id AND u.name = 'admin',
     unnest('{alpha,beta}'::text[]) part`,
  `INSERT INTO registry.repository (organisation_id, path, is_public, category)
   SELECT o.id, o.name || '/' || chr(97 + (n * 7) % 20) || n, n % 3 = 0, CASE WHEN n % 2 = 0 THEN 'linux' ELSE 'other' END
   FROM manage.organisation o, generate_series(1, 20) n WHERE o.name !~ 'third'`,
  `UPDATE registry.repository_statistics SET tag_count = repository_id % 4, updated_at = now() - (repository_id * 7 % 11) * interval '1 hour'`,
  `INSERT INTO manage.repository_share (repository_id, account_id, deadline)
   SELECT r.id, a.id, CASE r.id % 3 WHEN 0 THEN now() - interval '2 days' WHEN 1 THEN now() + interval '2 days' END
   FROM registry.repository r JOIN auth.account a ON a.id <> r.account_id AND (a.name <> 'third' OR r.id % 5 = 0) WHERE r.id % 4 > 0`,
  // What has lapsed for one account, and not for the other.
  `UPDATE manage.repository_share SET deadline = NULL
   WHERE repository_id % 15 = 0 AND account_id = (SELECT id FROM auth.account WHERE name = 'third')`,
  `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
   SELECT o.id, u.id, 1 FROM manage.organisation o JOIN auth."user" u ON u.account_id = o.account_id
   WHERE u.name = 'one' AND o.name ~ 'beta'`,
  `INSERT INTO manage.repository_permission (repository_id, user_id, auth)
   SELECT r.id, u.id, 1 FROM registry.repository r JOIN auth."user" u ON u.account_id = r.account_id
   WHERE u.name = 'single' AND r.name ~ '[13]$'`,
];

interface Known {
  id: string;
  path: string;
  name: string;
  category: string;
  isPublic: boolean;
  updatedAt: Date;
  tagCount: number;
  accountName: string;
  readers: string[];
  /** Accounts that it is shared with. */
  valid: string[];
  lapsed: string[];
}

/** What is read without the store, to compare with. A deadline of two days ago, or of in two days, needs no finer rule. */
const ALL = `SELECT r.id, r.path, r.name, r.category, r.is_public AS "isPublic", s.updated_at AS "updatedAt", s.tag_count AS "tagCount",
    a.name AS "accountName",
    ARRAY(SELECT u.name FROM auth."user" u WHERE u.account_id = a.id AND (u.is_administrator
      OR EXISTS (SELECT FROM manage.organisation_permission p WHERE p.user_id = u.id AND p.organisation_id = r.organisation_id)
      OR EXISTS (SELECT FROM manage.repository_permission p WHERE p.user_id = u.id AND p.repository_id = r.id))) AS readers,
    ARRAY(SELECT b.name FROM manage.repository_share x JOIN auth.account b ON b.id = x.account_id
          WHERE x.repository_id = r.id AND coalesce(x.deadline > now(), true)) AS valid,
    ARRAY(SELECT b.name FROM manage.repository_share x JOIN auth.account b ON b.id = x.account_id
          WHERE x.repository_id = r.id AND x.deadline < now()) AS lapsed
  FROM registry.repository r JOIN registry.repository_statistics s ON s.repository_id = r.id
  JOIN auth.account a ON a.id = r.account_id`;

const ORDERS: SharedRepositoryOrder[] = ['updatedAt', 'name', 'path', 'tagCount', 'isPublic', 'accountName'];
const FILTERS: Partial<SharedRepositoryListQuery>[] = [
  {},
  { organisation: 'alpha' },
  { name: '1' },
  { name: '%' },
  { accountName: 'other' },
  { accountName: 'oth' },
  { category: 'linux', isPublic: true },
  { isValid: true },
  { isValid: false, name: '1' },
];
const PAGES = [
  [0, 100],
  [3, 5],
  [1_000, 5],
] as const;

const compare = (a: unknown, b: unknown): number => (a! < b! ? -1 : a! > b! ? 1 : 0);

/** As a filter and an order over all would give it. */
function expected(known: Known[], [account, user]: readonly [string, string], query: SharedRepositoryListQuery) {
  const { shared, organisation = '', name = '', accountName, category, isPublic, isValid } = query;
  const own = shared === 'byAccount';
  const isValidOf = ({ valid }: Known) => (own ? valid.length > 0 : valid.includes(account));
  const found = known.filter(
    (one) =>
      (own
        ? one.accountName === account && one.readers.includes(user) && one.valid.length + one.lapsed.length > 0
        : [...one.valid, ...one.lapsed].includes(account)) &&
      one.path.split('/')[0]!.includes(organisation) &&
      one.name.includes(name) &&
      (accountName ?? one.accountName) === one.accountName &&
      (category ?? one.category) === one.category &&
      (isPublic ?? one.isPublic) === one.isPublic &&
      (isValid ?? isValidOf(one)) === isValidOf(one),
  );
  found.sort((a, b) => compare(a[query.order], b[query.order]) || Number(a.id) - Number(b.id));
  if (query.descending) found.reverse();
  const shown = found.slice(query.offset, query.offset + query.limit).map((one) => [one.path, isValidOf(one)]);
  return { total: found.length, shown };
}

describe(SharedRepositoryListStore.name, () => {
  it.each([
    ['acme', 'admin'],
    ['acme', 'one'],
    ['other', 'single'],
    ['third', 'one'],
  ] as const)('gives %s/%s what is shared by its account and with it', async (account, user) => {
    for (const sql of WORLD) await on.test.rows(sql);
    const store = new SharedRepositoryListStore(on.test.database);
    const known = await on.test.rows<Known>(ALL);
    const [viewer] = await on.test.rows<SharedRepositoryListQuery['viewer']>(
      `SELECT u.id AS "userId", a.id AS "accountId", u.is_administrator AS "isAdministrator"
       FROM auth."user" u JOIN auth.account a ON a.id = u.account_id WHERE a.name = $1 AND u.name = $2`,
      [account, user],
    );
    let matches = 0;
    for (const shared of ['byAccount', 'withAccount'] as const)
      for (const order of ORDERS)
        for (const filter of FILTERS)
          for (const [n, [offset, limit]] of PAGES.entries()) {
            const page = { order, descending: n % 2 === 0, offset, limit, tags: 0 };
            const query: SharedRepositoryListQuery = { viewer: viewer!, shared, ...filter, ...page };
            const { total, repositories } = await store.list(query);
            const shown = repositories.map(({ organisation, name, isValid }) => [`${organisation}/${name}`, isValid]);
            expect({ query: [shared, order, filter, offset], total, shown }).toEqual({
              query: [shared, order, filter, offset],
              ...expected(known, [account, user], query),
            });
            matches += total;
          }
    expect(matches).toBeGreaterThan(100);
  });
});

describe(PublicRepositoryListStore.name, () => {
  it('gives what is public of one organisation, by name', async () => {
    for (const sql of WORLD) await on.test.rows(sql);
    const store = new PublicRepositoryListStore(on.test.database);
    const names = (await on.test.rows<Known>(ALL))
      .filter(({ path, isPublic }) => isPublic && path.startsWith('acme-alpha/'))
      .map(({ name }) => name)
      .sort();
    const list = async (query: object) => {
      const { total, repositories } = await store.list({ organisation: 'acme-alpha', offset: 0, limit: 100, ...query });
      return { total, names: repositories.map(({ name }) => name) };
    };
    expect(names).toHaveLength(6);
    expect(await list({})).toEqual({ total: 6, names });
    expect(await list({ offset: 2, limit: 3 })).toEqual({ total: 6, names: names.slice(2, 5) });
    const ones = names.filter((name) => name.includes('1'));
    expect(await list({ name: '1' })).toEqual({ total: ones.length, names: ones });
    for (const none of [{ name: '%' }, { organisation: 'acme' }, { organisation: 'third-alpha' }]) {
      expect(await list(none)).toEqual({ total: 0, names: [] });
    }
  });
});
