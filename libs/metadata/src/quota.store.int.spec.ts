import { QuotaStore } from './quota.store.js';
import { onDatabase } from './testing/registry-fixture.js';

describe(QuotaStore.name, () => {
  const on = onDatabase();

  async function anAccount(name: string, organisationQuota: number | null, organisations: number) {
    const { prisma } = on.test.database;
    const { id, projects, users } = await prisma.account.create({
      data: {
        name,
        organisationQuota,
        projects: { create: { name: 'local' } },
        users: { create: { name: 'user', passwordHash: '-' } },
      },
      include: { projects: true, users: true },
    });
    const made = Array.from({ length: organisations }, (_, n) => ({
      name: `${name}${n}`,
      accountId: id,
      creatorId: users[0]!.id,
    }));
    await prisma.organisation.createMany({ data: made });
    return { accountId: id, projectId: projects[0]!.id };
  }

  it('tells how many organisations an account may have, and has, by its own project alone', async () => {
    const store = new QuotaStore(on.test.database);
    const one = await anAccount('one', 5, 2);
    const two = await anAccount('two', null, 3);
    expect(await store.ofOrganisations(one.projectId, one.accountId)).toEqual({ limit: 5, used: 2 });
    expect(await store.ofOrganisations(two.projectId, two.accountId)).toEqual({ limit: null, used: 3 });
    expect(await store.ofOrganisations(two.projectId, one.accountId)).toBeNull();
  });
});
