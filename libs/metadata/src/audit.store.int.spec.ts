import { randomUUID } from 'node:crypto';
import { digestOf, parseRepositoryName, type Tag } from '@berth/oci';
import { AccessKeyStore } from './access-key.store.js';
import { AccountAdministrationStore, type UserRow } from './account-administration.store.js';
import { type AuditRecord, AuditStore } from './audit.store.js';
import type { ChangeOrigin, Database } from './database.js';
import { ManifestStore } from './manifest.store.js';
import { OrganisationStore } from './organisation.store.js';
import { OrganisationPermissionStore, RepositoryPermissionStore } from './permission.store.js';
import { ProjectStore } from './project.store.js';
import { ReconciliationStore } from './reconciliation.store.js';
import { RepositoryRemovalStore } from './repository-removal.store.js';
import { RepositoryShareStore } from './repository-share.store.js';
import { RepositoryStore } from './repository.store.js';
import { TagStore } from './tag.store.js';
import { EVENT, imageOf, newManifest, onDatabase, RegistryFixture } from './testing/registry-fixture.js';
import { UntaggedPolicyStore } from './untagged-policy.store.js';

const REPOSITORY = parseRepositoryName('acme/app');
const EVERYTHING = { limit: 1_000 };

describe(AuditStore, () => {
  const on = onDatabase();
  let database: Database;
  let origin: ChangeOrigin | null;
  let audit: AuditStore;
  let registry: RegistryFixture;

  beforeEach(async () => {
    origin = null;
    database = on.test.another({ applicationName: 'manage', origin: () => origin });
    audit = new AuditStore(database);
    registry = new RegistryFixture(on.test, database);
    await registry.repository(REPOSITORY);
    origin = { requestId: 'request-1', userId: await userId(), credential: 'access-key', address: '192.0.2.7' };
  });

  const userId = () => on.test.value<string>(`SELECT id FROM auth."user" ORDER BY created_at LIMIT 1`);
  /** What is new in the record since, the oldest first. */
  async function noted(work: () => Promise<unknown>): Promise<AuditRecord[]> {
    const { records: before } = await audit.list(EVERYTHING);
    await work();
    const known = new Set(before.map(({ id }) => id));
    return (await audit.list(EVERYTHING)).records.filter(({ id }) => !known.has(id)).reverse();
  }
  const inShort = (records: AuditRecord[]) => records.map(({ action, resource, detail }) => [action, resource, detail]);

  it('has a push with its manifest and its tags, who made it, from where, with what and for which request', async () => {
    const image = imageOf([await registry.blob(REPOSITORY)]);
    const digest = digestOf(image.bytes);
    const before = Date.now();
    const records = await noted(() => registry.push(REPOSITORY, image, ['v1', 'latest']));
    expect(inShort(records).sort()).toEqual(
      [
        ['manifest.push', `${REPOSITORY}@${digest}`, { media_type: image.entry.mediaType, size: image.bytes.length }],
        ['tag.create', `${REPOSITORY}:latest`, { digest }],
        ['tag.create', `${REPOSITORY}:v1`, { digest }],
      ].sort(),
    );
    for (const record of records) {
      expect(record).toMatchObject({ ...origin, organisation: 'acme', service: 'manage', userName: 'admin' });
      expect(Math.abs(record.at.getTime() - before)).toBeLessThan(60_000);
    }
  });

  it('has nothing of a push that changes nothing, and nothing of one that fails', async () => {
    const image = imageOf([await registry.blob(REPOSITORY)]);
    await registry.push(REPOSITORY, image, ['v1']);
    expect(await noted(() => registry.push(REPOSITORY, image, ['v1']))).toEqual([]);
    const unknown = imageOf([digestOf(Buffer.from('nothing has it'))]);
    expect(await noted(() => registry.put(REPOSITORY, unknown, ['v2']))).toEqual([]);
    const undone = database.transaction(async (rows) => {
      await rows({ text: `UPDATE registry.repository SET is_public = true` }, []);
      throw new Error('no');
    });
    expect(await noted(() => undone.catch(() => undefined))).toEqual([]);
  });

  it('has what a tag named before it moved, and before it was deleted', async () => {
    const images = [imageOf([await registry.blob(REPOSITORY)]), imageOf([await registry.blob(REPOSITORY)])];
    const [one, two] = images.map(({ bytes }) => digestOf(bytes));
    await registry.push(REPOSITORY, images[0]!, ['v1']);
    const moved = await noted(() => registry.push(REPOSITORY, images[1]!, ['v1']));
    expect(inShort(moved)).toContainEqual(['tag.move', `${REPOSITORY}:v1`, { before: one, digest: two }]);
    const deleted = await noted(() => new TagStore(database).delete(REPOSITORY, 'v1' as Tag, EVENT));
    expect(inShort(deleted)).toEqual([['tag.delete', `${REPOSITORY}:v1`, { before: two }]]);
    expect(deleted[0]).toMatchObject(origin!);
  });

  it('has a manifest that is deleted with its tags, and a push under a precondition', async () => {
    const image = imageOf([await registry.blob(REPOSITORY)]);
    const digest = digestOf(image.bytes);
    const manifests = new ManifestStore(database, 50);
    const precondition = { tag: 'v1' as Tag, holds: () => true };
    const pushed = await noted(() => manifests.put({ ...newManifest(REPOSITORY, image, ['v1']), precondition }));
    expect(pushed.map(({ action }) => action).sort()).toEqual(['manifest.push', 'tag.create']);
    const gone = await noted(() => manifests.delete(REPOSITORY, digest, EVENT));
    expect(gone.map(({ action, resource }) => [action, resource]).sort()).toEqual([
      ['manifest.delete', `${REPOSITORY}@${digest}`],
      ['tag.delete', `${REPOSITORY}:v1`],
    ]);
    for (const record of [...pushed, ...gone]) expect(record).toMatchObject(origin!);
  });

  it('has every other change, by whom it was made, and no secret', async () => {
    const accounts = new AccountAdministrationStore(database);
    const [keys, organisations] = [new AccessKeyStore(database), new OrganisationStore(database)];
    const [shares, policies] = [new RepositoryShareStore(database), new UntaggedPolicyStore(database, 60)];
    const repositories = new RepositoryStore(database);
    const other = parseRepositoryName('fresh/app');
    const pusher = await userId();
    const repositoryId = await on.test.value<string>(`SELECT id FROM registry.repository WHERE path = 'acme/app'`);
    const organisationId = await on.test.value<string>(`SELECT id FROM manage.organisation WHERE name = 'acme'`);
    const account = await on.test
      .value<string>(`SELECT a.name FROM auth.account a JOIN auth."user" u ON u.account_id = a.id
      WHERE u.id = '${pusher}'`);
    let user: UserRow;
    const key = { id: 'AKIDAKIDAKIDAKIDAKID', userId: pusher, description: '', madeWith: null, most: 5 };
    const permission = { userId: pusher, userName: 'admin', auth: 1 as const };
    const held = async () => {
      await on.test.rows(
        `UPDATE registry.reconciliation SET held = 'half of it', question = 'missing' WHERE task = 'objects'`,
      );
      await new ReconciliationStore(database).confirm('objects', 'half of it');
    };
    const changes: [string, string, object, () => Promise<unknown>][] = [
      [
        'account.create',
        'account:team',
        {},
        () =>
          accounts.createAccount({ name: 'team', description: '', organisationQuota: 5, disabled: false }, 'region'),
      ],
      [
        'user.create',
        'user:team/ann',
        { is_administrator: false },
        async () => {
          const team = await on.test.value<string>(`SELECT id FROM auth.account WHERE name = 'team'`);
          const made = { accountId: team, name: 'ann', passwordHash: 'HUSH', description: '', isAdministrator: false };
          user = (await accounts.createUser({ ...made, disabled: false })) as UserRow;
        },
      ],
      [
        'user.change',
        'user:team/ann',
        { password: 'changed' },
        () => accounts.changeUser(user.id, { passwordHash: 'HUSH again' }),
      ],
      [
        'user.change',
        'user:team/ann',
        { disabled_at: [null, expect.any(String)] },
        () => accounts.changeUser(user.id, { disabled: true }),
      ],
      [
        'account.change',
        'account:team',
        { organisation_quota: [5, 9] },
        async () => {
          await accounts.changeAccount(user.accountId, { organisationQuota: 9 });
        },
      ],
      ['project.create', 'project:team/other', {}, () => new ProjectStore(database).create(user.accountId, 'other', 9)],
      [
        'access-key.create',
        `access-key:${key.id}`,
        { user: `${account}/admin`, expires_at: null },
        () => keys.create({ ...key, secretEncrypted: Buffer.from('HUSH'), lifeSeconds: null }),
      ],
      [
        'access-key.change',
        `access-key:${key.id}`,
        {
          ...{ user: `${account}/admin`, expires_at: null },
          disabled_at: [null, expect.any(String)],
        },
        () => keys.setDisabled(key.id, pusher, true),
      ],
      [
        'access-key.delete',
        `access-key:${key.id}`,
        { user: `${account}/admin`, expires_at: null },
        () => keys.remove(key.id, pusher),
      ],
      ['organisation.create', 'fresh', { account }, () => organisations.create('fresh', pusher)],
      ['repository.create', 'fresh/app', { is_public: false }, () => repositories.create(other, { isPublic: false })],
      [
        'repository.update',
        'fresh/app',
        { is_public: [false, true] },
        () => repositories.update(other, { isPublic: true }),
      ],
      ['repository.update', 'fresh/app', { untagged_after: [null, 60] }, () => policies.set({ repository: other }, 60)],
      [
        'organisation.update',
        'fresh',
        { untagged_after: [null, 90] },
        () => policies.set({ organisation: 'fresh' }, 90),
      ],
      ['installation.update', 'installation', { untagged_after: [-1, 120] }, () => policies.setDefault(120)],
      [
        'repository.delete',
        'fresh/app',
        { is_public: true },
        () => new RepositoryRemovalStore(database, { pullWindowSeconds: 0 }).remove(other, () => EVENT),
      ],
      ['organisation.delete', 'fresh', { account }, () => organisations.remove('fresh')],
      [
        'permission.add',
        'acme',
        { user: `${account}/admin`, auth: 1 },
        () => new OrganisationPermissionStore(database).add(organisationId, [permission]),
      ],
      [
        'permission.change',
        'acme',
        { user: `${account}/admin`, auth: [1, 7] },
        () => new OrganisationPermissionStore(database).update(organisationId, [{ ...permission, auth: 7 }]),
      ],
      [
        'permission.remove',
        'acme',
        { user: `${account}/admin`, auth: 7 },
        () => new OrganisationPermissionStore(database).remove(organisationId, [pusher]),
      ],
      [
        'permission.add',
        'acme/app',
        { user: `${account}/admin`, auth: 1 },
        () => new RepositoryPermissionStore(database).add(repositoryId, [permission]),
      ],
      [
        'share.add',
        'acme/app',
        { account: 'team', deadline: null },
        () => shares.add(REPOSITORY, 'team', { deadline: null, description: '' }, pusher, 5),
      ],
      [
        'share.change',
        'acme/app',
        { account: 'team', description: ['', 'why'] },
        () => shares.update(REPOSITORY, 'team', { deadline: null, description: 'why' }),
      ],
      ['share.remove', 'acme/app', { account: 'team', deadline: null }, () => shares.remove(REPOSITORY, 'team')],
      ['reconciliation.confirm', 'reconciliation:objects', { held: 'half of it' }, held],
    ];
    for (const [action, resource, detail, change] of changes) {
      const records = await noted(change);
      const record = records.find((one) => one.action === action);
      expect([action, record?.resource, record?.detail]).toEqual([action, resource, detail]);
      for (const each of records) expect(each).toMatchObject({ ...origin, userName: 'admin' });
    }
    expect(JSON.stringify(await on.test.rows('SELECT * FROM audit.record'))).not.toContain('HUSH');
  });

  it('cuts off what is long', async () => {
    const [record] = await noted(() =>
      new RepositoryStore(database).update(REPOSITORY, { description: 'x'.repeat(9_000) }),
    );
    expect(record!.detail).toEqual({ description: ['', `${'x'.repeat(256)}...`] });
  });

  it('has what a service does on its own, and what is done by hand, with nobody', async () => {
    origin = null;
    const [byHand] = await noted(() => on.test.rows(`UPDATE registry.repository SET is_public = true`));
    expect(byHand).toMatchObject({ action: 'repository.update', userId: null, credential: null, requestId: null });
    const [own] = await noted(() => new RepositoryStore(database).update(REPOSITORY, { isPublic: false }));
    expect(own).toMatchObject({ action: 'repository.update', userId: null, service: 'manage' });
  });

  it('does not take who made one change for who makes the next on the same connection', async () => {
    const one = on.test.another({ poolSize: 1, origin: () => origin });
    await new RepositoryStore(one).update(REPOSITORY, { description: 'by somebody' });
    const [next] = await noted(() => one.rows({ text: `UPDATE registry.repository SET description = ''` }, []));
    expect(next).toMatchObject({ action: 'repository.update', userId: null, requestId: null });
  });

  it('is append-only: the database refuses to change it, and to remove what is younger than 30 days', async () => {
    const refusal = { code: '42501' };
    await expect(on.test.rows(`UPDATE audit.record SET user_id = NULL`)).rejects.toMatchObject(refusal);
    await expect(on.test.rows(`DELETE FROM audit.record`)).rejects.toMatchObject(refusal);
    await expect(on.test.rows(`TRUNCATE audit.record`)).rejects.toMatchObject(refusal);
    const old = (days: number) =>
      on.test.rows(`INSERT INTO audit.record (at, action, resource, service)
        VALUES (now() - interval '${days} days', 'test', '${days}', 'test')`);
    for (const days of [29, 31, 40, 400]) await old(days);
    expect(await audit.removeOlderThan(365, 10)).toBe(1);
    expect(await audit.removeOlderThan(30, 1)).toBe(1);
    expect(await audit.removeOlderThan(30, 10)).toBe(1);
    expect(await audit.removeOlderThan(30, 10)).toBe(0);
    expect(await on.test.value(`SELECT string_agg(resource, ',') FROM audit.record WHERE action = 'test'`)).toBe('29');
  });

  describe('list', () => {
    const USER = randomUUID();
    const at = (n: number) => new Date(Date.UTC(2030, 0, 1) + n * 1000);
    /** Numbered from 0, one each second; every third is of the user, every second of `one`. */
    const write = (count: number) =>
      on.test.rows(
        `INSERT INTO audit.record (at, organisation, action, resource, user_id, service)
         SELECT $2::timestamptz + n * interval '1 second', CASE WHEN n % 2 = 0 THEN 'one' ELSE 'two' END,
           CASE WHEN n % 10 = 0 THEN 'rare' ELSE 'usual' END, n::text, CASE WHEN n % 3 = 0 THEN $3::uuid END, 'test'
         FROM generate_series(0, $1 - 1) AS n`,
        [count, at(0), USER],
      );
    const since = at(0);
    async function all(query: object, limit: number): Promise<{ numbers: number[]; pages: number }> {
      const numbers: number[] = [];
      let behind: object | null = null;
      for (let pages = 1; ; pages++) {
        const page = await audit.list({ since, ...query, limit, ...(behind && { behind: behind as never }) });
        expect(page.records.length).toBeLessThanOrEqual(limit);
        numbers.push(...page.records.map(({ resource }) => Number(resource)));
        if (page.next === null) return { numbers, pages };
        behind = page.next;
      }
    }
    const which = (count: number, matches: (n: number) => boolean) =>
      Array.from({ length: count }, (_, n) => count - 1 - n).filter(matches);

    it('gives the latest first, page by page, each record once', async () => {
      await write(25);
      expect(await all({}, 10)).toEqual({ numbers: which(25, () => true), pages: 3 });
      expect((await all({}, 25)).pages).toBe(1);
    });

    it('pages through records of one moment', async () => {
      await on.test.rows(
        `INSERT INTO audit.record (at, action, resource, service)
        SELECT $1, 'test', n::text, 'test' FROM generate_series(0, 9) n`,
        [at(0)],
      );
      expect((await all({}, 3)).numbers).toEqual(which(10, () => true));
    });

    it.each<[string, object, (n: number) => boolean]>([
      ['an organisation', { organisation: 'one', everOfThatName: true }, (n) => n % 2 === 0],
      ['a user', { userId: USER }, (n) => n % 3 === 0],
      [
        'a user in an organisation',
        { organisation: 'two', everOfThatName: true, userId: USER },
        (n) => n % 2 === 1 && n % 3 === 0,
      ],
      ['an action', { action: 'rare' }, (n) => n % 10 === 0],
      ['a resource', { resource: '17' }, (n) => n === 17],
      ['a time', { since: at(5), until: at(9) }, (n) => n >= 5 && n < 9],
    ])('gives those of %s', async (_what, query, matches) => {
      await write(60);
      expect((await all(query, 4)).numbers).toEqual(which(60, matches));
    });

    it('gives of an organisation what is of itself, and not of another one that had its name', async () => {
      const organisations = new OrganisationStore(database);
      const mine = async () => (await audit.list({ organisation: 'one', limit: 10 })).records;
      await organisations.create('one', await userId());
      await organisations.remove('one');
      expect(await mine()).toEqual([]);
      await organisations.create('one', await userId());
      expect((await mine()).map(({ action }) => action)).toEqual(['organisation.create']);
      const ever = await audit.list({ organisation: 'one', everOfThatName: true, limit: 10 });
      expect(ever.records.map(({ action }) => action)).toEqual([
        'organisation.create',
        'organisation.delete',
        'organisation.create',
      ]);
    });

    it('looks at a bounded number of records for a page, and says where to go on', async () => {
      await write(2_500);
      const page = await audit.list({ since, resource: '3', limit: 10 });
      expect(page.records).toEqual([]);
      expect(page.next).not.toBeNull();
      expect(await all({ resource: '3' }, 10)).toEqual({ numbers: [3], pages: 3 });
    });
  });
});
