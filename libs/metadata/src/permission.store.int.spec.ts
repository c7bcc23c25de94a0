import { randomUUID } from 'node:crypto';
import { parseRepositoryName } from '@berth/oci';
import { OrganisationStore } from './organisation.store.js';
import { OrganisationPermissionStore, RepositoryPermissionStore, type UserPermission } from './permission.store.js';
import { RepositoryStore } from './repository.store.js';
import { onDatabase } from './testing/registry-fixture.js';

describe.each([OrganisationPermissionStore, RepositoryPermissionStore])('$name', (Store) => {
  const on = onDatabase();
  let store: OrganisationPermissionStore | RepositoryPermissionStore;
  /** Of the organisation, or of a repository in it. */
  let id: string;
  let ids: Record<string, string>;

  beforeEach(async () => {
    store = new Store(on.test.database);
    const names = ['owner', 'ann', 'bob'];
    const account = await on.test.database.prisma.account.create({
      data: { name: 'team', users: { create: names.map((name) => ({ name, passwordHash: '-' })) } },
      include: { users: true },
    });
    ids = Object.fromEntries(account.users.map((user) => [user.name, user.id]));
    const made = await new OrganisationStore(on.test.database).create('acme', ids['owner']!);
    id = (made as { organisationId: string }).organisationId;
    if (Store === RepositoryPermissionStore) {
      const path = parseRepositoryName('acme/app');
      await new RepositoryStore(on.test.database).create(path, { isPublic: false });
      id = await on.registry.repositoryId(path);
    }
  });

  const grant = (userName: string, auth: UserPermission['auth'] = 3): UserPermission => ({
    userId: ids[userName]!,
    userName,
    auth,
  });
  const held = async () => (await store.list(id, 100)).map(({ userName, auth }) => [userName, auth]);

  it('adds, changes and removes several at once', async () => {
    expect(await store.add(id, [grant('bob', 1), grant('ann', 7)])).toBe('added');
    expect(await store.list(id, 1)).toEqual([grant('ann', 7)]);
    expect(await held()).toEqual([
      ['ann', 7],
      ['bob', 1],
    ]);
    expect(await store.update(id, [grant('bob', 3), grant('ann', 3)])).toBe('updated');
    expect(await held()).toEqual([
      ['ann', 3],
      ['bob', 3],
    ]);
    expect(await store.remove(id, [ids['ann']!, ids['bob']!])).toBe('removed');
    expect(await held()).toEqual([]);
  });

  it('adds none where one has a permission already', async () => {
    await store.add(id, [grant('bob', 1)]);
    expect(await store.add(id, [grant('ann'), grant('bob')])).toBe('exists');
    expect(await held()).toEqual([['bob', 1]]);
  });

  it('changes and removes none where one has no permission', async () => {
    await store.add(id, [grant('bob', 1)]);
    expect(await store.update(id, [grant('bob', 7), grant('ann', 7)])).toBe('unknown');
    expect(await store.remove(id, [ids['bob']!, ids['ann']!])).toBe('unknown');
    expect(await held()).toEqual([['bob', 1]]);
  });

  it('knows no user under another name, of another account, or who does not exist', async () => {
    const other = await on.test.database.prisma.account.create({
      data: { name: 'other', users: { create: { name: 'eve', passwordHash: '-' } } },
      include: { users: true },
    });
    const strangers: UserPermission[] = [
      { ...grant('ann'), userName: 'bob' },
      { userId: other.users[0]!.id, userName: 'eve', auth: 1 },
      { userId: randomUUID(), userName: 'ann', auth: 1 },
    ];
    for (const stranger of strangers) {
      expect(await store.add(id, [grant('bob'), stranger])).toBe('user-unknown');
    }
    expect(await held()).toEqual([]);
  });

  it('says that there is no such thing', async () => {
    expect(await store.add('999999', [grant('ann')])).toBe('target-unknown');
    expect(await store.remove('999999', [ids['ann']!])).toBe('target-unknown');
  });

  it('lets one of two that add the same user win', async () => {
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => store.add(id, [grant('ann')])));
    expect(outcomes.sort()).toEqual(['added', 'exists', 'exists', 'exists']);
  });
});
