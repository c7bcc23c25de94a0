import { randomUUID } from 'node:crypto';
import { OrganisationStore } from './organisation.store.js';
import { onDatabase } from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

describe(OrganisationStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let store: OrganisationStore;

  beforeEach(() => {
    test = on.test;
    store = new OrganisationStore(test.database);
  });

  /** An account with one user; gives the user's id. The account `one` is the operators'. */
  const anAccount = async (name: string, organisationQuota: number | null, isAdministrator = true) => {
    const account = await test.database.prisma.account.create({
      data: {
        name,
        organisationQuota,
        isOperator: name === 'one',
        users: { create: { name: 'user', passwordHash: '-', isAdministrator } },
      },
      include: { users: true },
    });
    return { accountId: account.id, userId: account.users[0]!.id };
  };
  const organisations = () => test.rows('SELECT name, account_id, creator_id FROM manage.organisation ORDER BY name');

  it("makes an organisation that does not exist, for the creator's account", async () => {
    const { accountId, userId } = await anAccount('one', null);
    const made = await store.ensure('acme', userId);
    expect(made).toEqual({ organisationId: await store.find('acme') });
    expect(await organisations()).toEqual([{ name: 'acme', account_id: accountId, creator_id: userId }]);
  });

  it('finds one that exists, whoever asks and whatever the quota says', async () => {
    const owner = await anAccount('one', 1);
    const made = await store.ensure('acme', owner.userId);
    const other = await anAccount('two', 0);
    expect(await store.ensure('acme', other.userId)).toEqual(made);
    expect(await store.ensure('acme', owner.userId)).toEqual(made);
    expect(await organisations()).toHaveLength(1);
  });

  it('lets the first administrator of the first account stand for everybody where nobody is named', async () => {
    const { accountId } = await anAccount('one', null, false);
    await anAccount('two', null);
    const administrator = (name: string, disabledAt: Date | null) =>
      test.database.prisma.user.create({
        data: { accountId, name, passwordHash: '-', isAdministrator: true, disabledAt },
      });
    expect(await store.ensure('acme', null)).toBe('creator-unknown');
    await administrator('gone', new Date());
    const first = await administrator('first', null);
    await administrator('second', null);
    await store.ensure('acme', null);
    expect(await organisations()).toMatchObject([{ account_id: accountId, creator_id: first.id }]);
  });

  it('makes none for a user that does not exist', async () => {
    expect(await store.ensure('acme', randomUUID())).toBe('creator-unknown');
    expect(await store.ensure('acme', null)).toBe('creator-unknown');
    expect(await store.find('acme')).toBeNull();
  });

  it("makes none beyond the account's quota, and counts other accounts' for themselves", async () => {
    const { userId } = await anAccount('one', 2);
    const other = await anAccount('two', 1);
    await store.ensure('a', userId);
    await store.ensure('b', userId);
    expect(await store.ensure('c', userId)).toBe('quota-reached');
    expect(await store.ensure('c', other.userId)).toEqual({ organisationId: expect.any(String) });
  });

  it('does not let pushes that come at once pass the quota together', async () => {
    const { userId } = await anAccount('one', 3);
    const names = Array.from({ length: 8 }, (_, n) => `org${n}`);
    const outcomes = await Promise.all(names.map((name) => store.ensure(name, userId)));
    expect(outcomes.filter((outcome) => outcome === 'quota-reached')).toHaveLength(5);
    expect(await organisations()).toHaveLength(3);
  });

  it.each([
    ['without a quota', null],
    ['with room for one', 1],
  ])('gives the parallel uploads of one first push the same organisation, in an account %s', async (_quota, quota) => {
    const { userId } = await anAccount('one', quota);
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => store.ensure('acme', userId)));
    const made = { organisationId: await store.find('acme') };
    expect(outcomes).toEqual(outcomes.map(() => made));
  });

  it('says that a name is taken when another account makes it in the same moment', async () => {
    const loser = await anAccount('one', null);
    const winner = await anAccount('two', null);
    const other = await test.session();
    await other.rows('BEGIN');
    await other.rows(`INSERT INTO manage.organisation (name, account_id, creator_id) VALUES ('acme', $1, $2)`, [
      winner.accountId,
      winner.userId,
    ]);
    const ensured = store.ensure('acme', loser.userId);
    await test.untilWaiting(1);
    await other.rows('COMMIT');
    expect(await ensured).toBe('taken');
    expect(await organisations()).toMatchObject([{ account_id: winner.accountId }]);
  });

  it('does not find what does not exist', async () => {
    expect(await store.find('acme')).toBeNull();
    expect(await store.show('acme')).toBeNull();
  });

  describe('create', () => {
    it('makes one, and shows it with the name of its maker', async () => {
      const { accountId, userId } = await anAccount('one', 1);
      const made = await store.create('acme', userId);
      expect(made).toEqual({ organisationId: expect.any(String) });
      expect(await store.show('acme')).toEqual({
        id: (made as { organisationId: string }).organisationId,
        name: 'acme',
        accountId,
        creatorName: 'user',
      });
    });

    it('says that one exists, also at the end of the quota and in the same account', async () => {
      const { userId } = await anAccount('one', 1);
      await store.create('acme', userId);
      expect(await store.create('acme', userId)).toBe('exists');
      expect(await store.create('other', userId)).toBe('quota-reached');
    });

    it('lets one of several that come at once win', async () => {
      const { userId } = await anAccount('one', null);
      const outcomes = await Promise.all(Array.from({ length: 6 }, () => store.create('acme', userId)));
      expect(outcomes.filter((outcome) => outcome === 'exists')).toHaveLength(5);
      expect(await organisations()).toHaveLength(1);
    });
  });

  describe('remove', () => {
    it('removes an empty one with its permissions', async () => {
      const { userId } = await anAccount('one', null);
      await store.create('acme', userId);
      await test.rows(
        `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
         SELECT id, creator_id, 3 FROM manage.organisation`,
      );
      expect(await store.remove('acme')).toBe('removed');
      expect(await store.remove('acme')).toBe('unknown');
      expect(await test.rows('SELECT FROM manage.organisation_permission')).toEqual([]);
    });

    it('keeps one that has a repository, also one that is just being made', async () => {
      const { userId } = await anAccount('one', null);
      await store.create('acme', userId);
      const push = await test.session();
      await push.rows('BEGIN');
      await push.rows(
        `INSERT INTO registry.repository (organisation_id, path) SELECT id, 'acme/app' FROM manage.organisation`,
      );
      const removed = store.remove('acme');
      await test.untilWaiting(1);
      await push.rows('COMMIT');
      expect(await removed).toBe('not-empty');
      expect(await store.find('acme')).not.toBeNull();
    });
  });

  describe('list', () => {
    const seen = async (
      viewer: { accountId: string; userId: string },
      { isAdministrator = false, withRepositories = false, name = undefined as string | undefined, limit = 100 } = {},
    ) => {
      const options = { withRepositories, limit, ...(name !== undefined && { name }) };
      const rows = await store.list({ ...viewer, isAdministrator }, options);
      return rows.map((row) => [row.name, row.auth]);
    };

    it('shows an administrator all of the account and nothing of another', async () => {
      const one = await anAccount('one', null);
      const two = await anAccount('two', null);
      for (const name of ['b', 'a', 'a-b']) await store.create(name, one.userId);
      await store.create('theirs', two.userId);
      expect(await seen(one, { isAdministrator: true })).toEqual([
        ['a', 7],
        ['a-b', 7],
        ['b', 7],
      ]);
      expect(await seen(one, { isAdministrator: true, limit: 2 })).toEqual([
        ['a', 7],
        ['a-b', 7],
      ]);
      expect(await seen(one, { isAdministrator: true, name: 'b' })).toEqual([['b', 7]]);
      expect(await seen(one, { isAdministrator: true, name: 'theirs' })).toEqual([]);
    });

    it('shows a user what is granted, in another account too, and where repositories are on request', async () => {
      const owner = await anAccount('one', null);
      const user = await anAccount('two', null, false);
      for (const name of ['granted', 'hidden', 'partly']) await store.create(name, owner.userId);
      await test.rows(
        `INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
         SELECT id, $1, 3 FROM manage.organisation WHERE name = 'granted'`,
        [user.userId],
      );
      await test.rows(
        `INSERT INTO registry.repository (organisation_id, path)
         SELECT id, name || '/app' FROM manage.organisation WHERE name = 'partly'`,
      );
      await test.rows(
        `INSERT INTO manage.repository_permission (repository_id, user_id, auth)
         SELECT id, $1, 1 FROM registry.repository`,
        [user.userId],
      );
      expect(await seen(user)).toEqual([['granted', 3]]);
      expect(await seen(user, { withRepositories: true })).toEqual([
        ['granted', 3],
        ['partly', 0],
      ]);
    });
  });
});
