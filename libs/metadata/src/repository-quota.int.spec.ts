import { parseRepositoryName } from '@berth/oci';
import { RepositoryStore } from './repository.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const named = (name: string) => parseRepositoryName(`acme/${name}`);

describe(`${RepositoryStore.name} with a quota`, () => {
  const on = onDatabase();
  let organisationId: string;
  beforeEach(async () => {
    const first = await on.registry.repository('acme/first');
    organisationId = await on.test.value('SELECT organisation_id FROM registry.repository WHERE path = $1', [first]);
  });
  const count = () => on.registry.count('registry.repository');

  it('makes as many as an organisation may have, finds those that are there, and leaves other organisations alone', async () => {
    const store = new RepositoryStore(on.test.database, 2);
    expect(await store.create(named('second'), organisationId, false)).toBe('made');
    expect(await store.create(named('third'), organisationId, false)).toBe('quota-reached');
    expect(await store.create(named('second'), organisationId, false)).toBe('exists');
    await on.registry.repository('other/first');
    const other = await on.test.value<string>(`SELECT id FROM manage.organisation WHERE name = 'other'`);
    expect(await store.create(parseRepositoryName('other/second'), other, false)).toBe('made');
    expect(await count()).toBe(4);
  });

  it('does not pass it, however many come at once', async () => {
    const store = new RepositoryStore(on.test.database, 3);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => store.create(named(`at-once-${n}`), organisationId, false)),
    );
    expect(outcomes.filter((outcome) => outcome === 'made')).toHaveLength(2);
    expect(outcomes.filter((outcome) => outcome === 'quota-reached')).toHaveLength(6);
    expect(await count()).toBe(3);
  });

  it('makes one repository once, when it is asked for by several at once', async () => {
    const store = new RepositoryStore(on.test.database, 2);
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => store.create(named('same'), organisationId, false)));
    expect(outcomes.sort()).toEqual(['exists', 'exists', 'exists', 'made']);
  });

  it('holds for one that is made with what is said about it, also beside first pushes', async () => {
    const store = new RepositoryStore(on.test.database, 3);
    const attributes = { isPublic: false, category: 'other', description: '' };
    expect(await store.createNew(parseRepositoryName('nobody/app'), attributes)).toBe('organisation-unknown');
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        n % 2 === 0
          ? store.create(named(`at-once-${n}`), organisationId, false)
          : store.createNew(named(`at-once-${n}`), attributes),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'quota-reached')).toHaveLength(6);
    expect(await count()).toBe(3);
    expect(await store.createNew(named('first'), attributes)).toBe('exists');
  });

  it('locks nothing without one', async () => {
    const session = await on.test.session();
    await session.rows('BEGIN');
    await session.rows('SELECT FROM manage.organisation FOR NO KEY UPDATE');
    const [free, limited] = [new RepositoryStore(on.test.database), new RepositoryStore(on.test.database, 9)];
    expect(await free.create(named('free'), organisationId, false)).toBe('made');
    let isDone = false;
    const waiting = limited.create(named('limited'), organisationId, false).finally(() => (isDone = true));
    await on.test.untilWaiting(1);
    expect(isDone).toBe(false);
    await session.rows('COMMIT');
    expect(await waiting).toBe('made');
  });

  it('tells whose a repository is', async () => {
    const accountId = await on.test.value<string>('SELECT id FROM auth.account');
    const store = new RepositoryStore(on.test.database);
    const id = await on.registry.repositoryId(named('first'));
    expect(await store.findOwner(named('first'))).toEqual({ id, accountId });
    expect(await store.findOwner(named('none'))).toBeNull();
  });
});
