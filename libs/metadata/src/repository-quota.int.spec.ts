import { parseRepositoryName } from '@berth/oci';
import { RepositoryStore } from './repository.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const PRIVATE = { isPublic: false };
const named = (name: string) => parseRepositoryName(`acme/${name}`);

describe(`${RepositoryStore.name} with a quota`, () => {
  const on = onDatabase();
  beforeEach(() => on.registry.repository('acme/first'));
  const count = () => on.registry.count('registry.repository');

  it('makes as many as an organisation may have, finds those that are there, and leaves other organisations alone', async () => {
    const store = new RepositoryStore(on.test.database, 2);
    expect(await store.create(named('second'), PRIVATE)).toBe('created');
    expect(await store.create(named('third'), PRIVATE)).toBe('quota-reached');
    expect(await store.create(named('second'), PRIVATE)).toBe('exists');
    await on.registry.repository('other/first');
    expect(await store.create(parseRepositoryName('other/second'), PRIVATE)).toBe('created');
    expect(await count()).toBe(4);
  });

  it('does not pass it, however many come at once', async () => {
    const store = new RepositoryStore(on.test.database, 3);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => store.create(named(`at-once-${n}`), PRIVATE)),
    );
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome === 'quota-reached')).toHaveLength(6);
    expect(await count()).toBe(3);
  });

  it('makes one repository once, when it is asked for by several at once', async () => {
    const store = new RepositoryStore(on.test.database, 2);
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => store.create(named('same'), PRIVATE)));
    expect(outcomes.sort()).toEqual(['created', 'exists', 'exists', 'exists']);
  });

  it('says first that there is no such organisation, or that the repository is there', async () => {
    const store = new RepositoryStore(on.test.database, 1);
    expect(await store.create(parseRepositoryName('nobody/app'), PRIVATE)).toBe('organisation-unknown');
    expect(await store.create(named('first'), PRIVATE)).toBe('exists');
    expect(await store.create(named('second'), PRIVATE)).toBe('quota-reached');
  });

  it('locks nothing without one', async () => {
    const session = await on.test.session();
    await session.rows('BEGIN');
    await session.rows('SELECT FROM manage.organisation FOR NO KEY UPDATE');
    const [free, limited] = [new RepositoryStore(on.test.database), new RepositoryStore(on.test.database, 9)];
    expect(await free.create(named('free'), PRIVATE)).toBe('created');
    let isDone = false;
    const waiting = limited.create(named('limited'), PRIVATE).finally(() => (isDone = true));
    await on.test.untilWaiting(1);
    expect(isDone).toBe(false);
    await session.rows('COMMIT');
    expect(await waiting).toBe('created');
  });

  it('tells whose a repository is', async () => {
    const accountId = await on.test.value<string>('SELECT id FROM auth.account');
    const store = new RepositoryStore(on.test.database);
    const id = await on.registry.repositoryId(named('first'));
    expect(await store.findOwner(named('first'))).toEqual({ id, accountId });
    expect(await store.findOwner(named('none'))).toBeNull();
  });
});
