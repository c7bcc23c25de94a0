import { RepositoryShareStore } from '@berth/metadata';
import { parseRepositoryName } from '@berth/oci';
import { anImage, eventually, exchange, type HttpAnswer, RegistryClient } from '@berth/testing';
import { codeOf as wholeCodeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

const IMAGE = anImage();
const REPOSITORY = 'namespaces/team/repos/shown$app';
const SHARES = 'namespaces/team/repositories/shown$app/access-domains';
const ACCESS = `${REPOSITORY}/access`;
/** Who holds what in `team/shown/app`: users of its account, and of two others. */
const USERS = [
  ...['admin/admin', 'admin/manager', 'admin/editor', 'admin/reader', 'admin/nobody'],
  ...['other/eve', 'third/tom'],
];

/** Sharing, permissions in repositories, and quotas: over real HTTP, with real rows. */
describe('sharing, and permissions in repositories', () => {
  let whole: WholeRegistry;
  const ids: Record<string, string> = {};
  const clients: Record<string, ManagementClient> = {};

  beforeAll(async () => {
    whole = await startWholeRegistry();
    await whole.admin.push('team/shown/app', IMAGE, 'v1');
    await makeUsers();
    for (const login of USERS) {
      const [account, user] = login.split('/') as [string, string];
      const { password } = ADMIN;
      clients[user] = await ManagementClient.logIn(whole.registry.address, { account, user, password });
    }
    const granted = [auth('manager', 7), auth('editor', 3), auth('reader', 1)];
    (await ask('admin', 'POST', ACCESS, granted)).expect(201);
  });
  afterAll(() => whole?.stop());

  const wire = (user: string) => ids[user]!.replaceAll('-', '');
  const auth = (user: string, level: number) => ({ user_id: wire(user), user_name: user, auth: level });
  const database = () => whole.registry.host.database!;

  async function makeUsers(): Promise<void> {
    const { prisma } = database();
    const admin = await prisma.user.findFirstOrThrow({ where: { name: ADMIN.user } });
    const { passwordHash } = admin;
    ids['admin'] = admin.id;
    for (const user of USERS.slice(1)) {
      const [account, name] = user.split('/') as [string, string];
      const made = await prisma.user.create({
        data: {
          name,
          passwordHash,
          isAdministrator: account !== 'admin',
          account: {
            connectOrCreate: { where: { name: account }, create: { name: account } },
          },
        },
      });
      ids[name] = made.id;
    }
  }

  const ask = (user: string, method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
    clients[user]!.ask(method, path, body);
  const codeOf = (answer: HttpAnswer) => wholeCodeOf(answer).replace('SVCSTG.SWR.', '');
  const share = (over: object = {}) => ({ access_domain: 'other', permit: 'read', deadline: 'forever', ...over });
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  /** Changed rights of a registry user are asked for again within seconds. */
  const answersPulls = (status: number, user: string, path = 'team/shown/app') =>
    eventually(
      async () => {
        const client = new RegistryClient(whole.registry.address, { user, password: ADMIN.password });
        return (await client.getManifest(path, 'v1')).status === status;
      },
      { what: `a pull by ${user} is answered ${status}` },
    );

  describe('a share', () => {
    afterEach(() => database().prisma.repositoryShare.deleteMany());

    it('is made, shown, listed, changed and removed', async () => {
      const made = await ask(
        'manager',
        'POST',
        SHARES,
        share({ deadline: '2999-10-01T16:00:00.000Z', description: 'CI' }),
      );
      expect(made.expect(201).json()).toEqual({});
      expect(made.header('content-type')).toMatch(/^application\/json/);
      const shown = (await ask('admin', 'GET', `${SHARES}/other`)).expect(200).json<Record<string, unknown>>();
      const stamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/) as string;
      expect(shown).toEqual({
        exist: true,
        namespace: 'team',
        repository: 'shown/app',
        access_domain: 'other',
        permit: 'read',
        deadline: '2999-10-01T16:00:00Z',
        description: 'CI',
        creator_id: wire('manager'),
        creator_name: 'manager',
        created: stamp,
        updated: stamp,
        status: true,
      });
      const { exist: _, ...listed } = shown;
      expect((await ask('admin', 'GET', SHARES)).expect(200).json()).toEqual([listed]);

      const changed = await ask('admin', 'PATCH', `${SHARES}/other`, { permit: 'read', deadline: 'forever' });
      expect(changed.expect(201).json()).toEqual({});
      const after = (await ask('admin', 'GET', `${SHARES}/other`)).json();
      expect(after).toMatchObject({
        deadline: 'forever',
        description: '',
        creator_name: 'manager',
        created: shown['created'],
      });

      const removed = (await ask('admin', 'DELETE', `${SHARES}/other`)).expect(204);
      expect(removed.text).toBe('');
      expect((await ask('admin', 'GET', `${SHARES}/other`)).expect(200).json()).toEqual({ exist: false });
      expect((await ask('admin', 'GET', SHARES)).expect(200).json()).toEqual([]);
    });

    it('is found under both spellings of the path, with a slash or a $ in the name', async () => {
      (await ask('admin', 'POST', `${REPOSITORY}/access-domains`, share())).expect(201);
      for (const path of ['repos/shown/app', 'repositories/shown/app', 'repositories/shown%2Fapp', 'repos/shown$app']) {
        const answer = await ask('admin', 'GET', `namespaces/team/${path}/access-domains/other`);
        expect(answer.expect(200).json()).toMatchObject({ exist: true });
      }
    });

    it.each<[string, unknown, number, string]>([
      ['without an account', { ...share(), access_domain: undefined }, 400, '4001014'],
      ['without permit', { ...share(), permit: undefined }, 400, '4001014'],
      ['without a deadline', { ...share(), deadline: null }, 400, '4001014'],
      ['with an account that does not exist', share({ access_domain: 'nobody' }), 400, '4001041'],
      ['with the account by its id', share({ access_domain: 'f'.repeat(32) }), 400, '4001041'],
      ['with an account that is no text', share({ access_domain: 7 }), 400, '4001041'],
      ['with an account without a name', share({ access_domain: '' }), 400, '4001041'],
      ['with a name that none can have', share({ access_domain: 'a\0' }), 400, '4001041'],
      ['with a name that is longer than any', share({ access_domain: 'x'.repeat(257) }), 400, '4001041'],
      ['with its own account', share({ access_domain: 'admin' }), 400, '4001041'],
      ['to write', share({ permit: 'write' }), 400, '4001066'],
      ['to whatever', share({ permit: ['read'] }), 400, '4001066'],
      ['until someday', share({ deadline: 'someday' }), 400, '4000014'],
      ['until a day without a time', share({ deadline: '2999-10-01' }), 400, '4000014'],
      ['until a day that no calendar has', share({ deadline: '2999-02-30T00:00:00Z' }), 400, '4000014'],
      ['until a number', share({ deadline: 1 }), 400, '4000014'],
      ['described by a number', share({ description: 1 }), 400, '4000014'],
      ['described by what cannot be kept', share({ description: 'a\0b' }), 400, '4000014'],
      ['described at length', share({ description: 'x'.repeat(1001) }), 413, '4131012'],
      ['by a list', [share()], 400, '4001018'],
    ])('is not made %s', async (_how, body, status, code) => {
      const answer = await ask('admin', 'POST', SHARES, body);
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
      expect(await whole.count('manage.repository_share')).toBe(0);
    });

    it('takes a description of a thousand characters, and null for none', async () => {
      const description = 'ä'.repeat(1000);
      (await ask('admin', 'POST', SHARES, share({ description }))).expect(201);
      expect((await ask('admin', 'GET', `${SHARES}/other`)).json()).toMatchObject({ description });
      (await ask('admin', 'PATCH', `${SHARES}/other`, share({ description: null }))).expect(201);
      expect((await ask('admin', 'GET', `${SHARES}/other`)).json()).toMatchObject({ description: '' });
    });

    it.each([
      [{ permit: 'write', deadline: 'forever' }, '4001066'],
      [{ permit: 'read' }, '4001014'],
      [{ permit: 'read', deadline: 'never' }, '4000014'],
      [{}, '4001014'],
    ])('is not changed to %j', async (body, code) => {
      await ask('admin', 'POST', SHARES, share({ description: 'as it was' }));
      expect(codeOf((await ask('admin', 'PATCH', `${SHARES}/other`, body)).expect(400))).toBe(code);
      expect((await ask('admin', 'GET', `${SHARES}/other`)).json()).toMatchObject({ description: 'as it was' });
    });

    it.each(['other', 'nobody', 'a%00', 'x'.repeat(300)])('that is not there is told as that: %s', async (account) => {
      const path = `${SHARES}/${account}`;
      expect((await ask('admin', 'GET', path)).expect(200).json()).toEqual({ exist: false });
      expect(codeOf((await ask('admin', 'PATCH', path, share())).expect(400))).toBe('4001090');
      expect(codeOf((await ask('admin', 'DELETE', path)).expect(400))).toBe('4001090');
    });

    it('is made once, by whoever of several comes first', async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(() => ask('admin', 'POST', SHARES, share())));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
      for (const answer of answers.filter(({ status }) => status === 409)) expect(codeOf(answer)).toBe('4090089');
    });

    it('is one of five hundred at most', async () => {
      await database().rows(
        {
          name: 'test-many-shares',
          text: `WITH made AS (INSERT INTO auth.account (id, name) SELECT gen_random_uuid(), 'many' || n FROM generate_series(1, 500) n RETURNING id)
            INSERT INTO manage.repository_share (repository_id, account_id)
            SELECT r.id, made.id FROM made, registry.repository r WHERE r.path = 'team/shown/app'`,
        },
        [],
      );
      expect(codeOf((await ask('admin', 'POST', SHARES, share())).expect(400))).toBe('4000014');
      const listed = (await ask('admin', 'GET', SHARES)).expect(200).json<{ access_domain: string }[]>();
      const names = listed.map((one) => one.access_domain);
      expect(names).toEqual([...new Set(names)].sort());
      expect(names).toHaveLength(500);
      await database().prisma.account.deleteMany({ where: { name: { startsWith: 'many' } } });
    });

    it('lets the other account pull until its last day is over, and nothing else', async () => {
      await answersPulls(403, 'other/eve');
      (await ask('admin', 'POST', SHARES, share({ deadline: inDays(1) }))).expect(201);
      await answersPulls(200, 'other/eve');
      await answersPulls(403, 'third/tom');
      const eve = new RegistryClient(whole.registry.address, { user: 'other/eve', password: ADMIN.password });
      await eve.pullAndCompare('team/shown/app', 'v1', IMAGE);
      (await eve.deleteManifest('team/shown/app', 'v1')).expect(401, 403);
      (await eve.putManifest('team/shown/app', 'v2', IMAGE.manifest)).expect(401, 403);

      (await ask('admin', 'PATCH', `${SHARES}/other`, share({ deadline: inDays(-1) }))).expect(201);
      expect((await ask('admin', 'GET', `${SHARES}/other`)).json()).toMatchObject({ status: false });
      await answersPulls(403, 'other/eve');

      (await ask('admin', 'PATCH', `${SHARES}/other`, share())).expect(201);
      await answersPulls(200, 'other/eve');
      (await ask('admin', 'DELETE', `${SHARES}/other`)).expect(204);
      await answersPulls(403, 'other/eve');
    });

    it('may be made with a day that is over: it gives nothing', async () => {
      (await ask('admin', 'POST', SHARES, share({ deadline: '2021-10-01T16:00:00.000Z' }))).expect(201);
      expect((await ask('admin', 'GET', `${SHARES}/other`)).json()).toMatchObject({
        deadline: '2021-10-01T16:00:00Z',
        status: false,
      });
      await answersPulls(403, 'other/eve');
    });

    it('is for those to see and change who manage the repository, and the sharee is not one', async () => {
      const repository = parseRepositoryName('team/shown/app');
      const store = new RepositoryShareStore(database());
      await store.add(repository, 'other', { deadline: null, description: '' }, ids['admin']!, 500);
      for (const [method, path, body] of [
        ['GET', SHARES, undefined],
        ['POST', SHARES, share({ access_domain: 'third' })],
        ['GET', `${SHARES}/other`, undefined],
        ['PATCH', `${SHARES}/other`, share()],
        ['DELETE', `${SHARES}/other`, undefined],
      ] as const) {
        for (const user of ['editor', 'reader', 'eve']) {
          expect([user, codeOf((await ask(user, method, path, body)).expect(403))]).toEqual([user, '4037020']);
        }
        for (const user of ['nobody', 'tom']) {
          expect([user, codeOf((await ask(user, method, path, body)).expect(404))]).toEqual([user, '4040010']);
        }
      }
      for (const user of ['admin', 'manager']) (await ask(user, 'GET', SHARES)).expect(200);
      expect(await store.list(repository, '', 500)).toHaveLength(1);
    });

    it('of a repository that does not exist is not there', async () => {
      const answer = await ask('admin', 'POST', SHARES.replace('shown$app', 'none'), share());
      expect(codeOf(answer.expect(404))).toBe('4040010');
    });
  });

  describe('a permission in a repository', () => {
    it('decides what a user may do there, from the next request on, and nowhere else', async () => {
      await whole.admin.push('team/hidden', IMAGE, 'v1');
      const access = ACCESS.replace('shown$app', 'hidden');
      expect(codeOf((await ask('nobody', 'GET', access)).expect(404))).toBe('4040010');
      await answersPulls(403, 'nobody', 'team/hidden');

      expect((await ask('admin', 'POST', access, [auth('nobody', 1)])).expect(201).json()).toEqual({});
      expect((await ask('nobody', 'GET', access)).expect(200).json()).toMatchObject({ self_auth: auth('nobody', 1) });
      await answersPulls(200, 'nobody', 'team/hidden');
      expect(codeOf((await ask('nobody', 'PATCH', access, [auth('nobody', 7)])).expect(403))).toBe('4037020');

      (await ask('admin', 'PATCH', access, [auth('nobody', 7)])).expect(201);
      (await ask('nobody', 'DELETE', access, [wire('nobody')])).expect(204);
      expect(codeOf((await ask('nobody', 'GET', access)).expect(404))).toBe('4040010');
      await answersPulls(403, 'nobody', 'team/hidden');
      await answersPulls(403, 'reader', 'team/hidden');
    });

    it('is shown with those of others, and the own with all that comes of the organisation', async () => {
      const shown = (await ask('reader', 'GET', ACCESS)).expect(200).json<{ id: number }>();
      expect(shown).toEqual({
        id: expect.any(Number) as number,
        name: 'shown/app',
        self_auth: auth('reader', 1),
        others_auths: [auth('editor', 3), auth('manager', 7)],
      });
      expect((await ask('admin', 'GET', ACCESS)).expect(200).json()).toMatchObject({
        id: shown.id,
        self_auth: auth('admin', 7),
        others_auths: [auth('editor', 3), auth('manager', 7), auth('reader', 1)],
      });
    });

    it.each<[string, () => unknown, number, string]>([
      ['an empty list', () => [], 400, '4001018'],
      ['no list', () => ({}), 400, '4001018'],
      ['another level', () => [auth('nobody', 5)], 400, '4001065'],
      ['no level', () => [{ ...auth('nobody', 1), auth: undefined }], 400, '4001014'],
      ['a user twice', () => [auth('nobody', 1), auth('nobody', 3)], 400, '4001067'],
      ['a user of another account', () => [auth('eve', 1)], 400, '4001067'],
      ['a user by another name', () => [{ ...auth('nobody', 1), user_name: 'reader' }], 400, '4001067'],
      ['a name that none can have', () => [{ ...auth('nobody', 1), user_name: 'a\0' }], 400, '4001067'],
      ['an id that is none', () => [{ ...auth('nobody', 1), user_id: 'nobody' }], 400, '4001067'],
      ['a user who has one', () => [auth('nobody', 1), auth('reader', 1)], 409, '4090076'],
      ['too many', () => Array.from({ length: 501 }, () => auth('nobody', 1)), 400, '4001018'],
    ])('is not given for %s', async (_what, body, status, code) => {
      const answer = await ask('admin', 'POST', ACCESS, body());
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
      expect((await ask('nobody', 'GET', ACCESS)).status).toBe(404);
    });

    it('that is not there is neither changed nor taken away, nor is any beside it', async () => {
      const both = [auth('reader', 7), auth('nobody', 7)];
      expect(codeOf((await ask('admin', 'PATCH', ACCESS, both)).expect(404))).toBe('4040078');
      const answer = await ask('admin', 'DELETE', ACCESS, [wire('reader'), wire('nobody')]);
      expect(codeOf(answer.expect(404))).toBe('4040078');
      expect((await ask('reader', 'GET', ACCESS)).json()).toMatchObject({ self_auth: auth('reader', 1) });
      (await ask('admin', 'DELETE', ACCESS)).expect(400);
    });

    it('is changed by those who manage the repository, and shown to those of its account who read it', async () => {
      const change = [auth('nobody', 1)];
      for (const [method, body] of [
        ['POST', change],
        ['PATCH', change],
        ['DELETE', [wire('reader')]],
      ] as const) {
        for (const user of ['editor', 'reader']) {
          expect(codeOf((await ask(user, method, ACCESS, body)).expect(403))).toBe('4037020');
        }
        for (const user of ['nobody', 'eve', 'tom']) {
          expect(codeOf((await ask(user, method, ACCESS, body)).expect(404))).toBe('4040010');
        }
      }
      for (const user of ['admin', 'manager', 'editor', 'reader']) (await ask(user, 'GET', ACCESS)).expect(200);
      (await ask('manager', 'POST', ACCESS, change)).expect(201);
      (await ask('manager', 'DELETE', ACCESS, [wire('nobody')])).expect(204);
    });

    it('is nothing that users of another account are told, though they may read the repository', async () => {
      const { prisma } = database();
      const where = { path: 'team/shown/app' };
      await prisma.repository.update({ where, data: { isPublic: true } });
      expect(codeOf((await ask('eve', 'GET', ACCESS)).expect(403))).toBe('4037020');
      (await ask('nobody', 'GET', ACCESS)).expect(200);
      await prisma.repository.update({ where, data: { isPublic: false } });
      expect(codeOf((await ask('eve', 'GET', ACCESS)).expect(404))).toBe('4040010');
    });
  });
});

describe('quotas', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let projectId: string;
  let foreignId: string;
  beforeAll(async () => {
    whole = await startWholeRegistry({ BERTH_REPOSITORY_QUOTA: '2', BERTH_TAG_QUOTA: '2' });
    const { prisma } = whole.registry.host.database!;
    projectId = (await prisma.project.findFirstOrThrow({ where: { account: { name: 'admin' } } })).id;
    const data = { name: 'other', projects: { create: { name: 'local' } } };
    foreignId = (await prisma.account.create({ data, include: { projects: true } })).projects[0]!.id;
    admin = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...ADMIN });
  });
  afterAll(() => whole?.stop());

  const quotas = (project: string) => admin.get(`projects/${project}/quotas`);

  it('are shown to the account of the project', async () => {
    const namespaces = { quota_key: 'namespace', quota_limit: -1, used: 1, unit: '' };
    const others = [
      { quota_key: 'repository', quota_limit: 2, unit: '' },
      { quota_key: 'tag', quota_limit: 2, unit: '' },
    ];
    for (const id of [projectId, projectId.replaceAll('-', '')]) {
      expect((await quotas(id)).expect(200).json()).toEqual({ quotas: [namespaces, ...others] });
    }
    const { prisma } = whole.registry.host.database!;
    const setTo = (organisationQuota: number | null) =>
      prisma.account.update({ where: { name: 'admin' }, data: { organisationQuota } });
    await setTo(5);
    const limited = { quotas: [{ ...namespaces, quota_limit: 5 }, ...others] };
    expect((await quotas(projectId)).json()).toEqual(limited);
    await setTo(null);
  });

  it('of another account, or of no project, are not there', async () => {
    const answers = await Promise.all([foreignId, crypto.randomUUID(), 'none', 'a%00'].map(quotas));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]!.expect(404).json()).toMatchObject({ error_code: 'SVCSTG.SWR.4040083' });
    (await exchange({ method: 'GET', url: `${whole.registry.address}/v2/manage/projects/x/quotas` })).expect(401);
  });

  it('hold for repositories at a first push, and two at once do not pass them', async () => {
    const attempt = async (name: string) => {
      const image = anImage();
      return whole.admin.push(name, image, 'v1').then(
        () => 'pushed',
        (error: Error) => error.message,
      );
    };
    expect(await attempt('limited/one')).toBe('pushed');
    const outcomes = await Promise.all(['two', 'three', 'four'].map((name) => attempt(`limited/${name}`)));
    const refused = outcomes.filter((outcome) => outcome !== 'pushed');
    expect(refused).toHaveLength(2);
    for (const message of refused) {
      expect(message).toContain('403');
      expect(message).toContain('the organisation has reached its quota of repositories');
    }
    expect(await attempt('limited/one')).toBe('pushed');
    expect(await attempt('free/one')).toBe('pushed');
  });

  it('hold for tags, and let a tag be moved', async () => {
    const image = anImage();
    await whole.admin.push('tagged/app', image, 'a');
    const put = (tag: string) => whole.admin.putManifest('tagged/app', tag, image.manifest);
    const answers = await Promise.all(['b', 'c', 'd'].map(put));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403]);
    const refused = answers.find(({ status }) => status === 403)!;
    expect(refused.json()).toMatchObject({
      errors: [{ code: 'DENIED', message: 'the repository has reached its quota of tags' }],
    });
    (await put('a')).expect(201);
    (await put(image.manifest.digest)).expect(201);
    const { tags } = (await whole.admin.listTags('tagged/app')).json<{ tags: string[] }>();
    expect(tags).toHaveLength(2);
  });
});
