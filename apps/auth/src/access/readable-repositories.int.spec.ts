import { AccessFactsStore, Database, deployMigrations, ReadableRepositoryStore } from '@berth/metadata';
import { type Digest, digestOf, displayName, parseRepositoryName, type RepositoryName } from '@berth/oci';
import { startPostgres, type TestPostgres } from '@berth/testing';
import fc from 'fast-check';
import { allowedActions, type Principal } from './access-engine.js';

jest.setTimeout(120_000);

const RUNS = 60;
/** Names whose order differs by what stands behind them: `a-b/x` comes before `a/x`. */
const ORGANISATIONS = ['a', 'a-b', 'a0', 'library', 'm', 'zz'];
const RESTS = ['app', 'b', 'm', 'manage', 'app/x', 'a-b', 'zz'];
const ACCOUNTS = 2;
const USERS = 4;
const LEVELS = fc.constantFrom(1, 3, 7);
const account = fc.nat(ACCOUNTS - 1);
const user = fc.nat(USERS - 1);

/** Two accounts of two users each, and whatever organisations, repositories, permissions and shares. */
const WORLD = fc.record({
  administrators: fc.uniqueArray(user),
  organisations: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...ORGANISATIONS),
      account,
      permissions: fc.uniqueArray(fc.record({ user, auth: LEVELS }), { selector: (entry) => entry.user }),
    }),
    { minLength: 1, selector: ({ name }) => name },
  ),
  repositories: fc.uniqueArray(
    fc.record({
      organisation: fc.nat(),
      rest: fc.constantFrom(...RESTS),
      isPublic: fc.boolean(),
      hasBlob: fc.boolean(),
      permissions: fc.uniqueArray(fc.record({ user, auth: LEVELS }), { selector: (entry) => entry.user, maxLength: 2 }),
      shares: fc.uniqueArray(
        fc.record({
          account,
          deadline: fc.constantFrom(null, "now() + interval '1 hour'", "now() - interval '1 day'"),
        }),
        { selector: (entry) => entry.account },
      ),
    }),
    { selector: ({ organisation, rest }) => `${organisation % ORGANISATIONS.length}/${rest}`, maxLength: 20 },
  ),
});
type World = typeof WORLD extends fc.Arbitrary<infer T> ? T : never;

const BLOB: Digest = digestOf(Buffer.from('shared by all that have it'));
const uuid = (kind: number, n: number) => `00000000-0000-4000-8000-00000000${kind}00${n}`;
const accountId = (n: number) => uuid(1, n);
const userId = (n: number) => uuid(2, n);
const accountOf = (n: number) => n % ACCOUNTS;

describe(ReadableRepositoryStore, () => {
  let postgres: TestPostgres;
  let database: Database;
  let store: ReadableRepositoryStore;
  let facts: AccessFactsStore;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    database = new Database({ url, poolSize: 2, applicationName: 'test' });
    store = new ReadableRepositoryStore(database);
    facts = new AccessFactsStore(database);
  });
  afterAll(async () => {
    await database.close();
    await postgres.stop();
  });

  /** Makes the world, alone in the database; gives its repositories. */
  async function make(world: World): Promise<{ name: RepositoryName; hasBlob: boolean }[]> {
    const { prisma } = database;
    await prisma.$executeRawUnsafe(
      'TRUNCATE auth.account, manage.organisation, registry.repository, registry.blob RESTART IDENTITY CASCADE',
    );
    await prisma.account.createMany({
      data: Array.from({ length: ACCOUNTS }, (_, n) => ({ id: accountId(n), name: `account${n}` })),
    });
    await prisma.user.createMany({
      data: Array.from({ length: USERS }, (_, n) => ({
        id: userId(n),
        accountId: accountId(accountOf(n)),
        name: `user${n}`,
        passwordHash: '-',
        isAdministrator: world.administrators.includes(n),
      })),
    });
    await prisma.blob.create({ data: { digest: BLOB, objectKey: 'k', size: 1 } });
    const organisations: { id: bigint; name: string }[] = [];
    for (const { name, account: owner, permissions } of world.organisations) {
      const made = await prisma.organisation.create({
        data: { name, accountId: accountId(owner), creatorId: userId(owner) },
      });
      organisations.push(made);
      await prisma.organisationPermission.createMany({
        data: permissions.map((entry) => ({ organisationId: made.id, userId: userId(entry.user), auth: entry.auth })),
      });
    }
    const repositories = new Map<RepositoryName, { name: RepositoryName; hasBlob: boolean }>();
    for (const { organisation, rest, isPublic, hasBlob, permissions, shares } of world.repositories) {
      const { id: organisationId, name: first } = organisations[organisation % organisations.length]!;
      const name = parseRepositoryName(`${first}/${rest}`);
      if (repositories.has(name)) continue;
      repositories.set(name, { name, hasBlob });
      const { id } = await prisma.repository.create({ data: { organisationId, path: name, isPublic } });
      await prisma.repositoryPermission.createMany({
        data: permissions.map((entry) => ({ repositoryId: id, userId: userId(entry.user), auth: entry.auth })),
      });
      for (const share of shares) {
        await prisma.$executeRawUnsafe(
          `INSERT INTO manage.repository_share (repository_id, account_id, deadline) VALUES (${id}, '${accountId(share.account)}', ${share.deadline})`,
        );
      }
      if (hasBlob) await prisma.repositoryBlob.create({ data: { repositoryId: id, digest: BLOB, size: 1 } });
    }
    return [...repositories.values()];
  }

  const principals = (world: World): Principal[] => [
    { kind: 'anonymous' },
    ...Array.from({ length: USERS }, (_, n) => ({
      kind: 'user' as const,
      id: userId(n),
      accountId: accountId(accountOf(n)),
      isAdministrator: world.administrators.includes(n),
    })),
  ];

  const mayPull = async (principal: Principal, name: RepositoryName) => {
    const [account, user] = principal.kind === 'user' ? [principal.accountId, principal.id] : [null, null];
    return allowedActions(principal, await facts.find(name, account, user)).has('pull');
  };
  const ascending = (a: string, b: string) => (a < b ? -1 : 1);

  /** Page by page, as a client lists. */
  async function listed(principal: Principal, pageSize: number): Promise<string[]> {
    const all: string[] = [];
    for (;;) {
      const page = await store.list(principal.kind === 'user' ? principal : null, all.at(-1) ?? '', pageSize);
      all.push(...page);
      if (page.length < pageSize) return all;
    }
  }

  it('lists, for everybody, in any pages, what the access engine lets them pull, and finds sources among that', async () => {
    let readable = 0;
    let unreadable = 0;
    await fc.assert(
      fc.asyncProperty(
        WORLD,
        fc.integer({ min: 1, max: 5 }),
        fc.string({ maxLength: 4 }),
        async (world, pageSize, text) => {
          const repositories = await make(world);
          const shown = repositories.map(({ name }) => displayName(name)).sort(ascending);
          expect(await store.listAll('', 100)).toEqual(shown);
          for (const principal of principals(world)) {
            const may: typeof repositories = [];
            for (const each of repositories) if (await mayPull(principal, each.name)) may.push(each);
            const expected = may.map(({ name }) => displayName(name)).sort(ascending);
            expect(await listed(principal, pageSize)).toEqual(expected);
            // Behind what need not be there: a name, the beginning of one, an organisation, anything.
            for (const after of [
              text.replaceAll('\0', ''),
              'a',
              'a/',
              'a-',
              'library',
              'library/',
              'm/app',
              shown[0] ?? 'b',
            ]) {
              const rest = await store.list(principal.kind === 'user' ? principal : null, after, 100);
              expect([after, rest]).toEqual([
                after,
                expected.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after.toWellFormed())) > 0),
              ]);
            }
            const sources = may.filter(({ hasBlob }) => hasBlob).map(({ name }) => name);
            const source = await store.findMountSource(principal.kind === 'user' ? principal : null, BLOB);
            expect(sources.length === 0 ? [null] : sources).toContain(source);
            readable += may.length;
            unreadable += repositories.length - may.length;
          }
          const any = repositories.filter(({ hasBlob }) => hasBlob).map(({ name }) => name);
          expect(any.length === 0 ? [null] : any).toContain(await store.findAnyMountSource(BLOB));
        },
      ),
      { numRuns: RUNS },
    );
    // Worlds in which everybody may read everything, or nothing, would prove little.
    expect(readable).toBeGreaterThan(RUNS);
    expect(unreadable).toBeGreaterThan(RUNS);
  });
});
