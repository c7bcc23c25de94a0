import { randomUUID } from 'node:crypto';
import type { RepositoryName } from '@berth/oci';
import { AccessFactsStore } from './access-facts.store.js';
import type { Database } from './database.js';
import { ReadableRepositoryStore } from './readable-repository.store.js';
import { RepositoryShareStore, type ShareTerms } from './repository-share.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const FOREVER: ShareTerms = { deadline: null, description: '' };
const LIMIT = 500;

describe(RepositoryShareStore.name, () => {
  const on = onDatabase();
  let store: RepositoryShareStore;
  let repository: RepositoryName;
  /** Of the repository's own account. */
  let creatorId: string;
  let accounts: Record<string, string>;

  beforeEach(async () => {
    store = new RepositoryShareStore(on.test.database);
    repository = await on.registry.repository('acme/app');
    creatorId = await on.test.value('SELECT id FROM auth."user"');
    accounts = {};
    for (const name of ['zeta', 'beta']) {
      accounts[name] = (await on.test.database.prisma.account.create({ data: { name } })).id;
    }
  });

  const add = (account: string, terms = FOREVER, limit = LIMIT) =>
    store.add(repository, account, terms, creatorId, limit);
  const names = async (after = '', limit = LIMIT) =>
    (await store.list(repository, after, limit)).map(({ accountName }) => accountName);

  it('adds, shows, changes and removes', async () => {
    const deadline = new Date('2030-10-01T16:00:00.123Z');
    expect(await add('beta', { deadline, description: 'for CI' })).toBe('added');
    const made = await store.find(repository, 'beta');
    expect(made).toEqual({
      accountName: 'beta',
      deadline,
      description: 'for CI',
      creatorId,
      creatorName: 'admin',
      createdAt: expect.any(Date),
      updatedAt: made!.createdAt,
      isValid: true,
    });
    expect(await store.update(repository, 'beta', FOREVER)).toBe(true);
    const changed = (await store.find(repository, 'beta'))!;
    expect(changed).toMatchObject({ deadline: null, description: '', creatorId, createdAt: made!.createdAt });
    expect(changed.updatedAt.getTime()).toBeGreaterThan(changed.createdAt.getTime());
    expect(await store.remove(repository, 'beta')).toBe(true);
    expect(await store.find(repository, 'beta')).toBeNull();
  });

  it('lists by name of the account, and no more than asked for', async () => {
    for (const name of ['zeta', 'beta']) await add(name);
    expect(await names()).toEqual(['beta', 'zeta']);
    expect(await names('', 1)).toEqual(['beta']);
    expect(await names('beta', 1)).toEqual(['zeta']);
    expect(await names('zeta')).toEqual([]);
  });

  it('changes and removes nothing that is not there, and nothing of another repository', async () => {
    const other = await on.registry.repository('acme/other');
    await add('beta');
    for (const [where, account] of [
      [repository, 'zeta'],
      [repository, 'nobody'],
      [other, 'beta'],
    ] as const) {
      expect(await store.update(where, account, FOREVER)).toBe(false);
      expect(await store.remove(where, account)).toBe(false);
      expect(await store.find(where, account)).toBeNull();
    }
    expect(await names()).toEqual(['beta']);
  });

  it('is refused with no account, with the own one, twice, and of what is not there', async () => {
    expect(await add('nobody')).toBe('account-unknown');
    expect(await add('acme')).toBe('own-account');
    expect(await add('beta')).toBe('added');
    expect(await add('beta', { deadline: new Date(), description: 'again' })).toBe('exists');
    expect(await store.find(repository, 'beta')).toMatchObject({ description: '' });
    const gone = 'acme/gone' as RepositoryName;
    expect(await store.add(gone, 'beta', FOREVER, creatorId, LIMIT)).toBe('repository-unknown');
  });

  it('lets one of several that share the same win', async () => {
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => add('beta')));
    expect(outcomes.sort()).toEqual(['added', 'exists', 'exists', 'exists']);
  });

  it('does not pass the limit, however many come at once', async () => {
    const many = Array.from({ length: 6 }, (_, n) => `many${n}`);
    for (const name of many) await on.test.database.prisma.account.create({ data: { name } });
    const outcomes = await Promise.all(many.map((name) => add(name, FOREVER, 2)));
    expect(outcomes.filter((outcome) => outcome === 'added')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome === 'limit-reached')).toHaveLength(4);
    const [held] = await names();
    expect(await add(held!, FOREVER, 2)).toBe('exists');
  });

  it('counts what was shared while it waited for the repository', async () => {
    const session = await on.test.session();
    await session.rows('BEGIN');
    await session.rows('SELECT FROM registry.repository FOR NO KEY UPDATE');
    const waiting = add('beta', FOREVER, 1);
    await on.test.untilWaiting(1);
    await session.rows(
      `INSERT INTO manage.repository_share (repository_id, account_id) SELECT id, '${accounts['zeta']}' FROM registry.repository`,
    );
    await session.rows('COMMIT');
    expect(await waiting).toBe('limit-reached');
    expect(await names()).toEqual(['zeta']);
  });

  it('outlives the user who made it, and ends with the account it is for', async () => {
    const { id } = await on.test.database.prisma.user.create({
      data: { account: { connect: { name: 'acme' } }, name: 'ann', passwordHash: '-' },
    });
    await store.add(repository, 'beta', FOREVER, id, LIMIT);
    await store.add(repository, 'zeta', FOREVER, randomUUID(), LIMIT);
    await on.test.database.prisma.user.delete({ where: { id } });
    for (const share of await store.list(repository, '', LIMIT)) {
      expect(share).toMatchObject({ creatorId: null, creatorName: null });
    }
    await on.test.database.prisma.account.delete({ where: { name: 'beta' } });
    expect(await names()).toEqual(['zeta']);
  });

  /** Each in one transaction, whose clock stands still. */
  it.each([
    ['for ever', 'NULL', true],
    ['at the first moment of today', `date_trunc('day', now(), 'UTC')`, true],
    ['at the last moment of today', `date_trunc('day', now(), 'UTC') + interval '1 day - 1 microsecond'`, true],
    ['at the last moment of yesterday', `date_trunc('day', now(), 'UTC') - interval '1 microsecond'`, false],
    ['tomorrow', `now() + interval '1 day'`, true],
  ])('until %s gives what it gives until the end of that day, in UTC', async (_when, deadline, isValid) => {
    await add('beta');
    const digest = await on.registry.blob(repository);
    const found = await on.test.database.transaction(async (rows) => {
      // Where days are counted otherwise, nothing changes.
      await rows({ name: 'elsewhere', text: `SET LOCAL TIME ZONE 'Pacific/Kiritimati'` }, []);
      await rows({ name: 'until', text: `UPDATE manage.repository_share SET deadline = ${deadline}` }, []);
      const database = { rows } as Database;
      const user = { id: randomUUID(), accountId: accounts['beta']!, isAdministrator: false };
      const readable = new ReadableRepositoryStore(database);
      const facts = await new AccessFactsStore(database).find(repository, user.accountId, user.id);
      return {
        shown: (await new RepositoryShareStore(database).find(repository, 'beta'))!.isValid,
        shared: facts.repository!.sharedWithAccount,
        listed: (await readable.list(user, '', 10)).includes('acme/app'),
        mountable: (await readable.findMountSource(user, digest)) === repository,
      };
    });
    expect(found).toEqual({ shown: isValid, shared: isValid, listed: isValid, mountable: isValid });
  });
});
