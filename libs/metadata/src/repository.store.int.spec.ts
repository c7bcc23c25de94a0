import type { RepositoryName } from '@berth/oci';
import { OrganisationStore } from './organisation.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import { RepositoryStore } from './repository.store.js';
import { EVENT, onDatabase } from './testing/registry-fixture.js';

const ATTRIBUTES = { isPublic: true, category: 'linux', description: '<b>as it is</b>' };
const AT_ONCE = 8;

describe(RepositoryStore, () => {
  const on = onDatabase();
  let store: RepositoryStore;
  beforeEach(async () => {
    store = new RepositoryStore(on.test.database);
    await on.registry.repository('acme/there');
  });

  const named = (name: string) => `acme/${name}` as RepositoryName;
  const row = async (path: RepositoryName) =>
    (await on.test.rows(`SELECT is_public, category, description FROM registry.repository WHERE path = $1`, [path]))[0];
  const pulls = (path: RepositoryName) =>
    on.test.value<string>(
      `SELECT pulls FROM registry.repository_pulls p JOIN registry.repository r ON r.id = p.repository_id WHERE path = $1`,
      [path],
    );

  describe('create', () => {
    it('makes a repository with what is said about it', async () => {
      expect(await store.create(named('new'), ATTRIBUTES)).toBe('created');
      expect(await row(named('new'))).toEqual({
        is_public: true,
        category: 'linux',
        description: ATTRIBUTES.description,
      });
    });

    it('notes who made it, until that user is gone', async () => {
      const { prisma } = on.test.database;
      const { id: accountId } = await prisma.account.findFirstOrThrow();
      const { id } = await prisma.user.create({ data: { accountId, name: 'maker', passwordHash: '-' } });
      const creatorOf = async (name: string) =>
        (await prisma.repository.findUniqueOrThrow({ where: { path: named(name) } })).creatorId;
      expect(await store.create(named('made'), { isPublic: false, creatorId: id })).toBe('created');
      expect(await creatorOf('made')).toBe(id);
      await prisma.user.delete({ where: { id } });
      expect(await creatorOf('made')).toBeNull();
      expect(await store.create(named('late'), { isPublic: false, creatorId: id })).toBe('created');
      expect(await creatorOf('late')).toBeNull();
    });

    it('leaves one that is there as it is', async () => {
      expect(await store.create(named('there'), ATTRIBUTES)).toBe('exists');
      expect(await row(named('there'))).toMatchObject({ is_public: false, category: 'other' });
    });

    it('finds no organisation that is not there, or that goes in this moment', async () => {
      expect(await store.create('nobody/app' as RepositoryName, ATTRIBUTES)).toBe('organisation-unknown');
      const { database } = on.test;
      await new OrganisationStore(database).create('short', null);
      const end = await on.test.session();
      await end.rows('BEGIN');
      await end.rows(`DELETE FROM manage.organisation WHERE name = 'short'`);
      const made = store.create('short/app' as RepositoryName, ATTRIBUTES);
      await on.test.untilWaiting(1);
      await end.rows('COMMIT');
      expect(await made).toBe('organisation-unknown');
    });

    it('of several at once is one, and says so to the others, also while it is deleted', async () => {
      const removal = new RepositoryRemovalStore(on.test.database, { pullWindowSeconds: 1 });
      for (let round = 0; round < 5; round++) {
        const creations = Array.from({ length: AT_ONCE }, () => store.create(named('raced'), ATTRIBUTES));
        const outcomes = await Promise.all(creations);
        expect(outcomes.sort()).toEqual(['created', ...Array.from({ length: AT_ONCE - 1 }, () => 'exists')]);
        const both = await Promise.all([
          removal.remove(named('raced'), () => EVENT),
          ...Array.from({ length: AT_ONCE }, () => store.create(named('raced'), ATTRIBUTES)),
        ]);
        expect(both[0]).toBe('removed');
        const again = both.filter((outcome) => outcome === 'created').length;
        expect(again).toBeLessThanOrEqual(1);
        expect(both.filter((outcome) => outcome === 'exists')).toHaveLength(AT_ONCE - again);
        await removal.remove(named('raced'), () => EVENT);
      }
    });
  });

  describe('update', () => {
    it('changes what is given, and nothing else', async () => {
      await store.create(named('new'), ATTRIBUTES);
      const before = await row(named('new'));
      for (const change of [{ isPublic: false }, { category: 'lang' }, { description: '' }]) {
        expect(await store.update(named('new'), change)).toBe(true);
      }
      expect(before).not.toEqual(await row(named('new')));
      expect(await row(named('new'))).toEqual({ is_public: false, category: 'lang', description: '' });
      expect(await row(named('there'))).toMatchObject({ category: 'other' });
    });

    it('finds no repository that is not there', async () => {
      expect(await store.update(named('none'), { isPublic: true })).toBe(false);
    });
  });

  describe('countPulls', () => {
    it('adds up, and forgets what is not there', async () => {
      const there = named('there');
      await store.countPulls([
        { repository: there, pulls: 2 },
        { repository: named('gone'), pulls: 9 },
        { repository: there, pulls: 3 },
      ]);
      await store.countPulls([{ repository: there, pulls: 5_000_000_000 }]);
      expect(await pulls(there)).toBe('5000000005');
      expect(await on.registry.count('registry.repository_pulls')).toBe(1);
    });

    it('of several gateways at once, in whatever order, loses none', async () => {
      const names = await Promise.all(Array.from({ length: 20 }, (_, n) => on.registry.repository(`acme/r${n}`)));
      const counts = names.map((repository) => ({ repository, pulls: 1 }));
      await Promise.all(
        Array.from({ length: AT_ONCE }, (_, n) => store.countPulls(n % 2 === 0 ? counts : counts.toReversed())),
      );
      for (const name of names) expect(await pulls(name)).toBe(String(AT_ONCE));
    });

    it('counts the others where one is deleted meanwhile', async () => {
      const gone = await on.registry.repository('acme/a-gone');
      const end = await on.test.session();
      await end.rows('BEGIN');
      await end.rows('DELETE FROM registry.repository WHERE path = $1', [gone]);
      const counted = store.countPulls([gone, named('there')].map((repository) => ({ repository, pulls: 1 })));
      await on.test.untilWaiting(1);
      await end.rows('COMMIT');
      await counted;
      expect(await pulls(named('there'))).toBe('1');
    });
  });
});
