import { ProjectStore } from './project.store.js';
import { onDatabase } from './testing/registry-fixture.js';

describe(ProjectStore.name, () => {
  const on = onDatabase();

  it('gives each account without a project one, once, whoever asks', async () => {
    const { account } = on.test.database.prisma;
    const first = await account.create({ data: { name: 'first' } });
    await Promise.all(
      Array.from({ length: 4 }, () => new ProjectStore(on.test.another({ poolSize: 1 })).ensure('region-1')),
    );
    const second = await account.create({ data: { name: 'second' } });
    const store = new ProjectStore(on.test.database);
    await store.ensure('region-2');
    const names = async (accountId: string) => (await store.list(accountId, null, 10)).map(({ name }) => name);
    expect(await names(first.id)).toEqual(['region-1']);
    expect(await names(second.id)).toEqual(['region-2']);
  });

  it('finds one by its name in its own account only', async () => {
    const { account } = on.test.database.prisma;
    const made = await account.create({ data: { name: 'a', projects: { create: [{ name: 'x' }, { name: 'y' }] } } });
    const other = await account.create({ data: { name: 'b', projects: { create: { name: 'z' } } } });
    const store = new ProjectStore(on.test.database);
    expect(await store.list(made.id, 'y', 10)).toEqual([{ id: expect.any(String), name: 'y', accountId: made.id }]);
    expect(await store.list(made.id, 'z', 10)).toEqual([]);
    expect(await store.list(other.id, null, 10)).toHaveLength(1);
    expect(await store.list(made.id, null, 1)).toHaveLength(1);
  });
});
