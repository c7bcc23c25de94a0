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
    ...changes,
  });

  it('gives a usable key with its user and account', async () => {
    await store.create(key());
    expect(await store.findUsable('AK1')).toEqual({
      id: 'AK1',
      secretEncrypted: Buffer.from('sealed'),
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
    expect(await store.findUsable('AK1')).not.toBeNull();
    await on.test.rows(`UPDATE auth.access_key SET expires_at = now()`);
    expect(await store.findUsable('AK1')).toBeNull();
    expect(await store.list(userId, 10)).toEqual([]);
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
