import {
  type Actor,
  CHANGE_ORGANISATION_PERMISSIONS,
  CREATE_ORGANISATION,
  DELETE_ORGANISATION,
  type GrantedPermission,
  LIST_ORGANISATION_PERMISSIONS,
  LIST_ORGANISATIONS,
  REMOVE_ORGANISATION_PERMISSIONS,
} from '@berth/contracts';
import { deployMigrations } from '@berth/metadata';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { startPostgres, type TestPostgres } from '@berth/testing';
import { ManageModule } from './manage.module.js';

jest.setTimeout(60_000);

describe(ManageModule, () => {
  let postgres: TestPostgres;
  let manage: InProcessService;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    manage = await startInProcess(ManageModule, url, {});
  });
  afterAll(async () => {
    await manage?.stop();
    await postgres?.stop();
  });

  /** An account with its administrator and one more user. */
  async function anAccount(name: string, organisationQuota: number | null = null) {
    const account = await manage.database.prisma.account.create({
      data: {
        name,
        organisationQuota,
        users: {
          create: [
            { name: 'boss', passwordHash: '-', isAdministrator: true },
            { name: 'dev', passwordHash: '-' },
          ],
        },
      },
      include: { users: true },
    });
    const actor = (userName: string): Actor => {
      const user = account.users.find((one) => one.name === userName)!;
      const { id: userId, isAdministrator } = user;
      return { userId, userName, accountId: account.id, accountName: name, isAdministrator };
    };
    return { boss: actor('boss'), dev: actor('dev') };
  }
  const grant = ({ userId, userName }: Actor, auth: GrantedPermission['auth']) => ({ userId, userName, auth });
  const refusedAs = (error: string, status: number) => expect.objectContaining({ error, status }) as Error;
  const create = (actor: Actor, name: string) => manage.bus.request(CREATE_ORGANISATION, { actor, name });
  const list = async (actor: Actor) =>
    (await manage.bus.request(LIST_ORGANISATIONS, { actor, withRepositories: false })).organisations;
  const change = (name: string, kind: 'add' | 'update', ...permissions: GrantedPermission[]) =>
    manage.bus.request(CHANGE_ORGANISATION_PERMISSIONS, { name, change: kind, permissions });
  const permissionsOf = async (name: string) =>
    (await manage.bus.request(LIST_ORGANISATION_PERMISSIONS, { name })).permissions;

  it('makes an organisation, lists it, and deletes it', async () => {
    const { boss } = await anAccount('made');
    const { organisationId: id } = await create(boss, 'made-1');
    expect(await list(boss)).toEqual([{ id, name: 'made-1', creatorName: 'boss', auth: 7 }]);
    await manage.bus.request(DELETE_ORGANISATION, { name: 'made-1' });
    expect(await list(boss)).toEqual([]);
  });

  it('says why an organisation is not made or not deleted', async () => {
    const [{ boss }, other] = [await anAccount('limited', 1), await anAccount('other')];
    await create(boss, 'limited-1');
    await expect(create(boss, 'limited-2')).rejects.toThrow(refusedAs('ORGANISATION_QUOTA_REACHED', 400));
    await expect(create(other.boss, 'limited-1')).rejects.toThrow(refusedAs('ORGANISATION_EXISTS', 409));
    const remove = (name: string) => manage.bus.request(DELETE_ORGANISATION, { name });
    await expect(remove('nowhere')).rejects.toThrow(refusedAs('ORGANISATION_UNKNOWN', 404));
    await manage.database.prisma.repository.create({
      data: { path: 'limited-1/app', organisation: { connect: { name: 'limited-1' } } },
    });
    await expect(remove('limited-1')).rejects.toThrow(refusedAs('ORGANISATION_NOT_EMPTY', 406));
  });

  it('gives permissions, changes them, and takes them away', async () => {
    const { boss, dev } = await anAccount('granted');
    await create(boss, 'granted-1');
    expect(await list(dev)).toEqual([]);
    await change('granted-1', 'add', grant(dev, 1));
    expect((await list(dev)).map(({ auth }) => auth)).toEqual([1]);
    await change('granted-1', 'update', grant(dev, 3));
    expect(await permissionsOf('granted-1')).toEqual([grant(dev, 3)]);
    await manage.bus.request(REMOVE_ORGANISATION_PERMISSIONS, { name: 'granted-1', userIds: [dev.userId] });
    expect(await list(dev)).toEqual([]);
  });

  it('says why a permission is not changed', async () => {
    const [{ boss, dev }, stranger] = [await anAccount('refused'), await anAccount('stranger')];
    await create(boss, 'refused-1');
    await change('refused-1', 'add', grant(dev, 1));
    await expect(change('refused-1', 'add', grant(dev, 3))).rejects.toThrow(refusedAs('PERMISSION_EXISTS', 409));
    await expect(change('refused-1', 'update', grant(boss, 3))).rejects.toThrow(refusedAs('PERMISSION_UNKNOWN', 404));
    await expect(change('refused-1', 'add', grant(stranger.dev, 3))).rejects.toThrow(refusedAs('USER_INVALID', 400));
    await expect(change('nowhere', 'add', grant(dev, 3))).rejects.toThrow(refusedAs('ORGANISATION_UNKNOWN', 404));
    await expect(permissionsOf('nowhere')).rejects.toThrow(refusedAs('ORGANISATION_UNKNOWN', 404));
    const remove = manage.bus.request(REMOVE_ORGANISATION_PERMISSIONS, { name: 'refused-1', userIds: [boss.userId] });
    await expect(remove).rejects.toThrow(refusedAs('PERMISSION_UNKNOWN', 404));
    expect(await permissionsOf('refused-1')).toEqual([grant(dev, 1)]);
  });
});
