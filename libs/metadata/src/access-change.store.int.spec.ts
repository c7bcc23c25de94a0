import { AccessChangeStore } from './access-change.store.js';
import { AccessKeyStore } from './access-key.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const DAY = 86_400;

describe(AccessChangeStore.name, () => {
  const on = onDatabase();
  let store: AccessChangeStore;
  /** An account with ann and bob, and another one with eve; the organisation acme, of it the repository acme/app. */
  let ids: { account: string; other: string; ann: string; bob: string; organisation: bigint; repository: bigint };

  beforeEach(async () => {
    store = new AccessChangeStore(on.test.database);
    const { prisma } = on.test.database;
    const users = (...names: string[]) => ({ create: names.map((name) => ({ name, passwordHash: '-' })) });
    const account = await prisma.account.create({
      data: { name: 'team', users: users('ann', 'bob') },
      include: { users: { orderBy: { name: 'asc' } } },
    });
    const other = await prisma.account.create({ data: { name: 'other', users: users('eve') } });
    const [ann, bob] = account.users.map(({ id }) => id);
    const organisation = await prisma.organisation.create({
      data: { name: 'acme', accountId: account.id, creatorId: ann! },
    });
    const repository = await prisma.repository.create({ data: { organisationId: organisation.id, path: 'acme/app' } });
    ids = {
      account: account.id,
      other: other.id,
      ann: ann!,
      bob: bob!,
      organisation: organisation.id,
      repository: repository.id,
    };
    await on.test.rows(
      `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth) VALUES ($1, $2, 1)`,
      [ids.organisation, ids.bob],
    );
    await on.test.rows(`INSERT INTO manage.repository_permission (repository_id, user_id, auth) VALUES ($1, $2, 1)`, [
      ids.repository,
      ids.bob,
    ]);
    await on.test.rows(`INSERT INTO manage.repository_share (repository_id, account_id) VALUES ($1, $2)`, [
      ids.repository,
      ids.other,
    ]);
    await aKey('KEYOFBOB');
  });

  const aKey = (id: string) =>
    new AccessKeyStore(on.test.database).create({
      id,
      userId: ids.bob,
      secretEncrypted: Buffer.from('x'),
      description: '',
      lifeSeconds: null,
      madeWith: null,
      most: 10,
    });
  const subjectsOf = ({ changes }: { changes: { subject: string }[] }) =>
    changes.map(({ subject }) => subject.replace(ids.ann, 'ANN').replace(ids.bob, 'BOB'));
  /** What is told of that was not told of before. */
  const noted = async (work: () => Promise<unknown>) => {
    const before = await store.list(null, 100);
    await work();
    const { changes } = await store.list(before.position, 100);
    return subjectsOf({ changes });
  };
  const sql = (text: string) => () => on.test.rows(text);

  it.each<[string, string, string[]]>([
    ['a password', `UPDATE auth."user" SET password_hash = 'new' WHERE name = 'bob'`, ['user:BOB']],
    ['a user disabled', `UPDATE auth."user" SET disabled_at = now() WHERE name = 'bob'`, ['user:BOB']],
    ['an administrator', `UPDATE auth."user" SET is_administrator = true WHERE name = 'bob'`, ['user:BOB']],
    [
      'another account',
      `UPDATE auth."user" SET account_id = (SELECT id FROM auth.account WHERE name = 'other') WHERE name = 'bob'`,
      ['user:BOB'],
    ],
    ['a user removed', `DELETE FROM auth."user" WHERE name = 'bob'`, ['user:BOB']],
    ['a key disabled', `UPDATE auth.access_key SET disabled_at = now()`, ['user:BOB']],
    ['a key that ends sooner', `UPDATE auth.access_key SET expires_at = now()`, ['user:BOB']],
    ['a key removed', `DELETE FROM auth.access_key`, ['user:BOB']],
    [
      'an organisation made',
      `INSERT INTO manage.organisation (name, account_id, creator_id) SELECT 'fresh', account_id, id FROM auth."user" WHERE name = 'ann'`,
      ['organisation:fresh'],
    ],
    [
      'an organisation of another account',
      `UPDATE manage.organisation SET account_id = (SELECT id FROM auth.account WHERE name = 'other')`,
      ['organisation:acme'],
    ],
    [
      'a permission for all',
      `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth) SELECT o.id, u.id, 3 FROM manage.organisation o, auth."user" u WHERE u.name = 'ann'`,
      ['user:ANN'],
    ],
    ['another permission for all', `UPDATE manage.organisation_permission SET auth = 7`, ['user:BOB']],
    ['no permission for all', `DELETE FROM manage.organisation_permission`, ['user:BOB']],
    [
      'a permission',
      `INSERT INTO manage.repository_permission (repository_id, user_id, auth) SELECT r.id, u.id, 3 FROM registry.repository r, auth."user" u WHERE u.name = 'ann'`,
      ['user:ANN'],
    ],
    ['another permission', `UPDATE manage.repository_permission SET auth = 7`, ['user:BOB']],
    ['no permission', `DELETE FROM manage.repository_permission`, ['user:BOB']],
    [
      'a share',
      `INSERT INTO manage.repository_share (repository_id, account_id) SELECT r.id, a.id FROM registry.repository r, auth.account a WHERE a.name = 'team'`,
      ['repository:acme/app'],
    ],
    ['another share', `UPDATE manage.repository_share SET deadline = now()`, ['repository:acme/app']],
    ['no share', `DELETE FROM manage.repository_share`, ['repository:acme/app']],
    ['a repository made private', `UPDATE registry.repository SET is_public = true`, ['repository:acme/app']],
    ['a repository removed', `DELETE FROM registry.repository`, ['user:BOB', 'repository:acme/app']],
  ])('tells of %s', async (_what, text, subjects) => {
    expect((await noted(sql(text))).sort()).toEqual([...subjects].sort());
  });

  it('tells of an organisation removed', async () => {
    await on.test.rows('DELETE FROM registry.repository');
    expect(await noted(sql('DELETE FROM manage.organisation'))).toEqual(
      expect.arrayContaining(['user:BOB', 'organisation:acme']),
    );
  });

  it.each([
    ['a repository described', `UPDATE registry.repository SET description = 'new', updated_at = now()`],
    [
      'a repository made',
      `INSERT INTO registry.repository (organisation_id, path) SELECT id, 'acme/new' FROM manage.organisation`,
    ],
    ['a user renamed', `UPDATE auth."user" SET name = 'robert' WHERE name = 'bob'`],
    [
      'a user made',
      `INSERT INTO auth."user" (id, account_id, name, password_hash) SELECT gen_random_uuid(), id, 'new', '-' FROM auth.account`,
    ],
    ['a key described', `UPDATE auth.access_key SET description = 'new'`],
    ['a change of nobody', `UPDATE manage.organisation_permission SET auth = 7 WHERE auth = 3`],
  ])('says nothing of %s', async (_what, text) => {
    expect(await noted(sql(text))).toEqual([]);
  });

  it('says nothing of keys that had expired when they were removed', async () => {
    await on.test.rows(`UPDATE auth.access_key SET expires_at = now() - interval '1 second'`);
    expect(await noted(() => aKey('ANOTHER'))).toEqual([]);
    expect(await on.test.value('SELECT count(*)::int FROM auth.access_key')).toBe(1);
  });

  it('tells of each change of one subject, by another transaction', async () => {
    const seen: string[] = [];
    for (const auth of [7, 3, 1]) {
      const { position } = await store.list(null, 100);
      await on.test.rows('UPDATE manage.repository_permission SET auth = $1', [auth]);
      seen.push(...(await store.list(position, 100)).changes.map(({ transaction }) => transaction));
    }
    expect(new Set(seen).size).toBe(3);
  });

  it('says nothing of what is undone', async () => {
    const session = await on.test.session();
    const undone = await noted(async () => {
      await session.rows('BEGIN');
      await session.rows(`UPDATE auth."user" SET disabled_at = now()`);
      await session.rows('ROLLBACK');
    });
    expect(undone).toEqual([]);
  });

  it('misses no transaction that took long, however many came and went meanwhile', async () => {
    const slow = await on.test.session();
    await slow.rows('BEGIN');
    await slow.rows(`UPDATE auth."user" SET disabled_at = now() WHERE name = 'bob'`);
    let { position } = await store.list(null, 100);
    for (let n = 0; n < 5; n++) {
      await on.test.rows(`UPDATE auth."user" SET password_hash = $1 WHERE name = 'ann'`, [String(n)]);
      const list = await store.list(position, 100);
      expect(subjectsOf(list)).toEqual(['user:ANN']);
      ({ position } = list);
    }
    await slow.rows('COMMIT');
    const list = await store.list(position, 100);
    expect(subjectsOf(list)).toContain('user:BOB');
    expect(subjectsOf(await store.list(list.position, 100))).toEqual([]);
  });

  it('does not let two statements about the same users deadlock', async () => {
    const { prisma } = on.test.database;
    const names = Array.from({ length: 40 }, (_, n) => `user${n}`);
    await prisma.user.createMany({
      data: names.map((name) => ({ accountId: ids.account, name, passwordHash: '-' })),
    });
    for (const order of ['ASC', 'DESC']) {
      await on.test.rows(`INSERT INTO manage.organisation (name, account_id, creator_id) VALUES ($1, $2, $3)`, [
        order.toLowerCase(),
        ids.account,
        ids.ann,
      ]);
    }
    const grant = (organisation: string, order: string) =>
      on.test.rows(
        `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
         SELECT o.id, u.id, 1 FROM manage.organisation o, auth."user" u
         WHERE o.name = $1 AND u.name LIKE 'user%' ORDER BY u.id ${order}`,
        [organisation],
      );
    for (let n = 0; n < 10; n++) {
      await Promise.all([grant('asc', 'ASC'), grant('desc', 'DESC')]);
      await on.test.rows(`DELETE FROM manage.organisation_permission WHERE auth = 1`);
    }
    expect(
      await on.test.value(`SELECT count(*)::int FROM auth.access_change WHERE subject LIKE 'user:%'`),
    ).toBeGreaterThan(39);
  });

  it('gives so many at most, and the clock of the database', async () => {
    const { changes, now } = await store.list(null, 2);
    expect(changes).toHaveLength(2);
    expect(
      Math.abs(now - (await on.test.value<number>('SELECT extract(epoch FROM now())::float8 * 1000'))),
    ).toBeLessThan(10_000);
  });

  it('forgets what is older than it is told, so many at once', async () => {
    await on.test.rows(
      `UPDATE auth.access_change SET changed_at = now() - interval '3 days' WHERE subject LIKE 'user:%'`,
    );
    const [old, all] = [
      await on.test.value<number>(`SELECT count(*)::int FROM auth.access_change WHERE subject LIKE 'user:%'`),
      (await store.list(null, 100)).changes.length,
    ];
    expect(old).toBeGreaterThan(0);
    expect(all).toBeGreaterThan(old);
    expect(await store.removeOlderThan(2 * DAY, 0)).toBe(0);
    expect(await store.removeOlderThan(2 * DAY, 100)).toBe(old);
    expect((await store.list(null, 100)).changes).toHaveLength(all - old);
  });
});
