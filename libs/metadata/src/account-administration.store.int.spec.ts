import { AccessKeyStore } from './access-key.store.js';
import { AccountAdministrationStore, type UserRow } from './account-administration.store.js';
import { AccountStore } from './account.store.js';
import { ProjectStore } from './project.store.js';
import { onDatabase } from './testing/registry-fixture.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

describe(AccountAdministrationStore.name, () => {
  const on = onDatabase();
  let store: AccountAdministrationStore;
  beforeEach(() => (store = new AccountAdministrationStore(on.test.database)));

  const account = async (name: string) =>
    (await store.createAccount({ name, description: '', organisationQuota: 5, disabled: false }, 'region'))!;
  /** With its administrator. */
  async function firstAccount(): Promise<string> {
    const accounts = new AccountStore(on.test.database);
    await accounts.createFirst('first', { name: 'admin', passwordHash: 'hash' });
    return (await accounts.findFirst())!.id;
  }
  const user = async (accountId: string, name: string, fields: { isAdministrator?: boolean } = {}) =>
    (await store.createUser({
      ...{ accountId, name, passwordHash: 'hash', description: '', isAdministrator: false, disabled: false },
      ...fields,
    })) as UserRow;

  it('makes an account with its project, once per name', async () => {
    const made = await account('team');
    expect(made).toEqual({ id: made.id, name: 'team', description: '', organisationQuota: 5, disabledAt: null });
    expect(await new ProjectStore(on.test.database).list(made.id, 'region', 10)).toHaveLength(1);
    expect(await account('team')).toBeNull();
  });

  it('changes what is given, and nothing else', async () => {
    await account('first');
    const { id } = await account('team');
    expect(await store.changeAccount(id, { organisationQuota: null })).toMatchObject({ organisationQuota: null });
    expect(await store.changeAccount(id, { description: 'a team' })).toMatchObject({
      description: 'a team',
      organisationQuota: null,
      disabledAt: null,
    });
    const disabled = await store.changeAccount(id, { disabled: true });
    expect(disabled).toMatchObject({ disabledAt: expect.any(Date) });
    expect(await store.changeAccount(id, { disabled: true })).toEqual(disabled);
    expect(await store.changeAccount(id, { disabled: false })).toMatchObject({ disabledAt: null });
    expect(await store.changeAccount(NOBODY, { disabled: true })).toBe('unknown');
  });

  it('never disables the account made first', async () => {
    const id = await firstAccount();
    expect(await store.changeAccount(id, { disabled: true })).toBe('first-account');
    expect(await new AccountStore(on.test.database).findFirst()).toEqual({ id, name: 'first' });
  });

  it('takes no other account for the first one, whatever the clock said when it was made', async () => {
    const id = await firstAccount();
    const { id: later } = await account('later');
    await on.test.rows(`UPDATE auth.account SET created_at = '1970-01-01' WHERE name = 'later'`);
    const boss = await user(later, 'boss', { isAdministrator: true });
    const accounts = new AccountStore(on.test.database);
    expect(await accounts.findFirst()).toEqual({ id, name: 'first' });
    expect(await accounts.findFirstAdministrator()).toMatchObject({ accountName: 'first' });
    expect(await store.changeUser(boss.id, { disabled: true })).toMatchObject({ disabledAt: expect.any(Date) });
    expect(await store.changeAccount(later, { disabled: true })).toMatchObject({ disabledAt: expect.any(Date) });
    await expect(on.test.rows('UPDATE auth.account SET is_operator = true')).rejects.toThrow(/account_is_operator_key/);
  });

  it('hides the users and keys of a disabled account from everything that looks for enabled ones', async () => {
    await account('first');
    const { id: accountId } = await account('team');
    const { id } = await user(accountId, 'ann');
    const accounts = new AccountStore(on.test.database);
    const keys = new AccessKeyStore(on.test.database);
    const key = {
      id: 'AK',
      userId: id,
      secretEncrypted: Buffer.from('x'),
      description: '',
      lifeSeconds: null,
      madeWith: null,
      most: 1,
    };
    await keys.create(key);
    const found = async () => [
      await accounts.findByNames('team', 'ann'),
      await accounts.findUserOfAccount(id),
      await accounts.findEnabled(id),
      await keys.findUsable('AK'),
    ];
    expect(await found()).not.toContain(null);
    await store.changeAccount(accountId, { disabled: true });
    expect(await found()).toEqual([null, null, null, null]);
    await store.changeAccount(accountId, { disabled: false });
    expect(await found()).not.toContain(null);
  });

  it('notes that the access of all users of an account changed when it is disabled, and not when its quota changes', async () => {
    await account('first');
    const { id } = await account('team');
    const users = [await user(id, 'ann'), await user(id, 'bob')];
    const noted = async () =>
      (await on.test.rows<{ subject: string }>('SELECT subject FROM auth.access_change ORDER BY subject')).map(
        ({ subject }) => subject,
      );
    await store.changeAccount(id, { organisationQuota: 7 });
    expect(await noted()).toEqual([]);
    await store.changeAccount(id, { disabled: true });
    expect(await noted()).toEqual(users.map((one) => `user:${one.id}`).sort());
  });

  it('makes a user, once per name in an account', async () => {
    const { id } = await account('team');
    expect(await user(id, 'ann')).toMatchObject({ accountId: id, name: 'ann', disabledAt: null });
    expect(await user(id, 'ann')).toBe('exists');
    expect(await user(NOBODY, 'ann')).toBe('account-unknown');
    expect((await store.listUsers(id, { limit: 10 })).map(({ name }) => name)).toEqual(['ann']);
  });

  it('keeps one enabled administrator in the first account, whoever else asks at once', async () => {
    const id = await firstAccount();
    await on.test.rows('DELETE FROM auth."user"');
    const administrators = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => user(id, name, { isAdministrator: true })),
    );
    const outcomes = await Promise.all(
      administrators.map((one) =>
        new AccountAdministrationStore(on.test.another({ poolSize: 1 })).changeUser(one.id, { disabled: true }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'last-administrator')).toHaveLength(1);
    expect((await store.listUsers(id, { limit: 10 })).filter(({ disabledAt }) => disabledAt === null)).toHaveLength(1);
  });

  it('takes the first enabled administrator of the first account for everybody, and of no other', async () => {
    const id = await firstAccount();
    await on.test.rows('DELETE FROM auth."user"');
    const { id: otherId } = await account('other');
    const one = await user(id, 'one', { isAdministrator: true });
    await user(otherId, 'boss', { isAdministrator: true });
    await user(id, 'two', { isAdministrator: true });
    const accounts = new AccountStore(on.test.database);
    expect(await accounts.findFirstAdministrator()).toMatchObject({ userName: 'one' });
    await store.changeUser(one.id, { disabled: true });
    expect(await accounts.findFirstAdministrator()).toMatchObject({ userName: 'two' });
  });
});
