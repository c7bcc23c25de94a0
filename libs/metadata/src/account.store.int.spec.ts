import { setTimeout as delay } from 'node:timers/promises';
import { AccountStore } from './account.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const USER = { name: 'admin', passwordHash: 'scrypt' };

describe(AccountStore.name, () => {
  const on = onDatabase();
  let store: AccountStore;

  beforeEach(() => {
    store = new AccountStore(on.test.database);
  });

  it('is initialised once the first account was made', async () => {
    expect(await store.isInitialised()).toBe(false);
    expect(await store.createFirst('root', USER)).toBe(true);
    expect(await store.isInitialised()).toBe(true);
  });

  it('makes the first account without a quota, with its administrator', async () => {
    await store.createFirst('root', USER);
    expect(
      await on.test.rows(`SELECT a.name AS account, a.organisation_quota, u.name, u.password_hash, u.is_administrator
        FROM auth.account a JOIN auth."user" u ON u.account_id = a.id`),
    ).toEqual([
      { account: 'root', organisation_quota: null, name: 'admin', password_hash: 'scrypt', is_administrator: true },
    ]);
  });

  it('makes it once when several replicas start at the same time', async () => {
    const replicas = Array.from({ length: 6 }, () => new AccountStore(on.test.another({ poolSize: 1 })));
    const made = await Promise.all(replicas.map((replica, n) => replica.createFirst(`root${n}`, USER)));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await on.registry.count('auth.account')).toBe(1);
    expect(await on.registry.count('auth."user"')).toBe(1);
  });

  it('waits for another replica that makes it slowly, as on a machine where everything starts at once', async () => {
    const slow = await on.test.session();
    await slow.rows('BEGIN');
    await slow.rows(`SELECT pg_advisory_xact_lock(${0x626572})`);
    const made = store.createFirst('root', USER);
    made.catch(() => undefined);
    // Longer than a transaction of Prisma's may take by itself.
    await delay(6_000);
    await slow.rows('COMMIT');
    expect(await made).toBe(true);
  });

  it('makes no second one, whatever its name', async () => {
    await store.createFirst('root', USER);
    expect(await store.createFirst('other', USER)).toBe(false);
    expect(await on.registry.count('auth.account')).toBe(1);
  });

  it('knows no first account before there is one', async () => {
    expect(await store.findFirst()).toBeNull();
    expect(await store.findFirstAdministrator()).toBeNull();
  });

  describe('of several accounts', () => {
    const ids: Record<string, string> = {};
    beforeEach(async () => {
      await store.createFirst('root', USER);
      const second = await on.test.database.prisma.account.create({
        data: { name: 'second', users: { create: { name: 'admin', passwordHash: '-', isAdministrator: true } } },
        include: { users: true },
      });
      ids['admin'] = second.users[0]!.id;
    });

    it('finds a user by both names', async () => {
      expect(await store.findByNames('second', 'admin')).toMatchObject({ id: ids['admin'] });
      expect(await store.findByNames('second', 'nobody')).toBeNull();
      expect(await store.findByNames('third', 'admin')).toBeNull();
    });

    it('gives a user with its account', async () => {
      expect(await store.findUserOfAccount(ids['admin']!)).toEqual({
        userId: ids['admin'],
        userName: 'admin',
        accountId: expect.any(String),
        accountName: 'second',
        isAdministrator: true,
      });
    });

    it('knows which account and which administrator came first', async () => {
      expect(await store.findFirst()).toEqual({ id: expect.any(String), name: 'root' });
      expect(await store.findFirstAdministrator()).toMatchObject({ accountName: 'root', isAdministrator: true });
    });

    it('gives none who is disabled', async () => {
      await on.test.rows('UPDATE auth."user" SET disabled_at = now()');
      expect(await store.findByNames('second', 'admin')).toBeNull();
      expect(await store.findUserOfAccount(ids['admin']!)).toBeNull();
      expect(await store.findFirstAdministrator()).toBeNull();
    });
  });
});
