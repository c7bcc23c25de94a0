import { randomUUID } from 'node:crypto';
import { AccessKeyStore, type NewAccessKey } from './access-key.store.js';
import { onDatabase } from './testing/registry-fixture.js';

describe(AccessKeyStore.name, () => {
  const on = onDatabase();
  let store: AccessKeyStore;
  let userId: string;
  let accountId: string;

  beforeEach(async () => {
    store = new AccessKeyStore(on.test.database);
    const account = await on.test.database.prisma.account.create({
      data: { name: 'team', users: { create: { name: 'dev', passwordHash: '-', isAdministrator: true } } },
      include: { users: true },
    });
    [accountId, userId] = [account.id, account.users[0]!.id];
  });

  const key = (changes: Partial<NewAccessKey> = {}): NewAccessKey => ({
    id: 'AK1',
    userId,
    secretEncrypted: Buffer.from('sealed'),
    description: 'for CI',
    lifeSeconds: null,
    madeWith: null,
    most: 10,
    ...changes,
  });

  it('gives a usable key with its user and account', async () => {
    await store.create(key());
    expect(await store.findUsable('AK1')).toEqual({
      id: 'AK1',
      secretEncrypted: Buffer.from('sealed'),
      expiresAt: null,
      madeWith: null,
      userId,
      userName: 'dev',
      isAdministrator: true,
      accountId,
      accountName: 'team',
    });
    expect(await store.findUsable('AK2')).toBeNull();
  });

  it('gives none that is disabled, until it is enabled again', async () => {
    await store.create(key());
    expect(await store.setDisabled('AK1', userId, true)).toBe(true);
    expect(await store.findUsable('AK1')).toBeNull();
    expect(await store.setDisabled('AK1', userId, false)).toBe(true);
    expect(await store.findUsable('AK1')).not.toBeNull();
  });

  it('keeps the moment of the first disabling', async () => {
    await store.create(key());
    await store.setDisabled('AK1', userId, true);
    const [first] = await store.list(userId, 10);
    await store.setDisabled('AK1', userId, true);
    expect((await store.list(userId, 10))[0]!.disabledAt).toEqual(first!.disabledAt);
  });

  it('gives none of a disabled user', async () => {
    await store.create(key());
    await on.test.rows('UPDATE auth."user" SET disabled_at = now()');
    expect(await store.findUsable('AK1')).toBeNull();
  });

  it('gives none that has expired, and forgets it when another is made', async () => {
    await store.create(key({ lifeSeconds: 60 }));
    expect((await store.findUsable('AK1'))!.expiresAt).toEqual(expect.any(Date));
    await on.test.rows(`UPDATE auth.access_key SET expires_at = now()`);
    expect(await store.findUsable('AK1')).toBeNull();
    await store.create(key({ id: 'AK2' }));
    expect(await on.test.rows('SELECT id FROM auth.access_key')).toEqual([{ id: 'AK2' }]);
  });

  it('lists a user’s keys without their secrets, the oldest first', async () => {
    for (const id of ['AK3', 'AK1', 'AK2']) await store.create(key({ id }));
    const listed = await store.list(userId, 2);
    expect(listed.map(({ id }) => id)).toEqual(['AK3', 'AK1']);
    expect(listed[0]).toEqual({
      id: 'AK3',
      userId,
      description: 'for CI',
      createdAt: expect.any(Date),
      disabledAt: null,
      expiresAt: null,
    });
  });

  it('lists and counts no temporary key among the others', async () => {
    for (const id of ['TK1', 'TK2']) expect(await store.create(key({ id, lifeSeconds: 60, most: 2 }))).not.toBeNull();
    expect(await store.list(userId, 10)).toEqual([]);
    expect(await store.create(key({ most: 1 }))).not.toBeNull();
    expect((await store.list(userId, 10)).map(({ id }) => id)).toEqual(['AK1']);
    expect(await store.create(key({ id: 'AK2', most: 1 }))).toBeNull();
    expect(await store.create(key({ id: 'TK3', lifeSeconds: 60, most: 2 }))).toBeNull();
  });

  it('counts no temporary key that has expired, however many wait for their removal', async () => {
    for (let n = 0; n < 150; n++) await store.create(key({ id: `TK${n}`, lifeSeconds: 60, most: 1_000 }));
    await on.test.rows(`UPDATE auth.access_key SET expires_at = now() - interval '1 second'`);
    expect(await store.create(key({ id: 'TK', lifeSeconds: 60, most: 1 }))).not.toBeNull();
    expect(await on.test.value<string>('SELECT count(*) FROM auth.access_key')).toBe('51');
  });

  it('makes no more than a user may have, of many at once', async () => {
    const made = await Promise.all(Array.from({ length: 10 }, (_, n) => store.create(key({ id: `AK${n}`, most: 3 }))));
    expect(made.filter((row) => row !== null)).toHaveLength(3);
    expect(await store.list(userId, 10)).toHaveLength(3);
  });

  it('lets nobody disable or remove the key of somebody else', async () => {
    await store.create(key());
    const other = randomUUID();
    expect(await store.setDisabled('AK1', other, true)).toBe(false);
    expect(await store.remove('AK1', other)).toBe(false);
    expect(await store.findUsable('AK1')).not.toBeNull();
    expect(await store.remove('AK1', userId)).toBe(true);
    expect(await store.findUsable('AK1')).toBeNull();
  });

  it('refuses a second key of the same name', async () => {
    await store.create(key());
    await expect(store.create(key())).rejects.toThrow();
  });
});
