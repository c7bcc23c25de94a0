import { anImage, anIndex, eventually, exchange, type HttpAnswer, randomBlob } from '@berth/testing';
import { DocumentedAnswers } from './testing/documented-answers.js';
import { ADMIN, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

type User = 'admin' | 'bob' | 'eve';

const TEAM = '/v2/manage/namespaces/team/repos';

/** Repositories and tags of the management API over real HTTP, with real rows. */
describe('repositories of the management API', () => {
  let whole: WholeRegistry;
  let url: (path: string) => string;
  /** `admin` of the account, `bob` who may edit in `team`, and `eve` of another account. */
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    whole = await startWholeRegistry();
    url = (path) => whole.registry.address + path;
    const { prisma } = whole.registry.host.database!;
    const { passwordHash } = await prisma.user.findFirstOrThrow({ where: { name: ADMIN.user } });
    await prisma.account.create({
      data: {
        name: 'other',
        projects: { create: { name: 'local' } },
        users: { create: { name: 'eve', passwordHash, isAdministrator: true } },
      },
    });
    for (const [account, user] of [
      ['admin', 'admin'],
      ['admin', 'bob'],
      ['other', 'eve'],
    ] as const) {
      tokens[user] = await logIn(account, user);
    }
  });
  afterAll(() => whole?.stop());

  async function logIn(account: string, user: string): Promise<string> {
    const password = { user: { name: user, password: ADMIN.password, domain: { name: account } } };
    const auth = { identity: { methods: ['password'], password }, scope: { domain: { name: account } } };
    const answer = await exchange({ method: 'POST', url: url('/v3/auth/tokens'), body: JSON.stringify({ auth }) });
    return answer.expect(201).header('x-subject-token')!;
  }

  async function ask(user: User, method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const answer = await exchange({
      method,
      url: url(path),
      headers: { 'x-auth-token': tokens[user]!, 'content-type': 'application/json' },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return (await DocumentedAnswers.at(url(''))).hold(method, path, answer);
  }
  const codeOf = (answer: HttpAnswer): string =>
    answer.json<{ error_code: string }>().error_code.replace('SVCSTG.SWR.', '');
  const refusal = async (user: User, method: string, path: string, body?: unknown): Promise<[number, string]> => {
    const answer = await ask(user, method, path, body);
    return [answer.status, codeOf(answer)];
  };
  const row = (path: string) => whole.registry.host.database!.prisma.repository.findUnique({ where: { path } });
  const pullsOf = async (path: string) => {
    const found = await whole.registry.host.database!.prisma.repositoryPulls.findFirst({
      where: { repository: { path } },
    });
    return Number(found?.pulls ?? 0);
  };
  let made = 0;
  /** A repository of `team` that was made here. */
  async function aRepository(): Promise<string> {
    const name = `made${made++}`;
    (await ask('bob', 'POST', TEAM, { repository: name, is_public: false })).expect(201);
    return name;
  }

  describe('made', () => {
    it('is as it was said to be, and its text is text', async () => {
      const description = '<script>alert("1")</script> & 世界';
      const body = { repository: 'new/one', is_public: true, category: 'linux', description, more: 1 };
      const answer = (await ask('bob', 'POST', TEAM, body)).expect(201);
      expect(answer.json()).toEqual({});
      expect(answer.header('content-type')).toMatch(/^application\/json/);
      expect(await row('team/new/one')).toMatchObject({ isPublic: true, category: 'linux', description });
      expect(await refusal('bob', 'POST', TEAM, body)).toEqual([409, '4090006']);
    });

    it('with its name alone is private and of no category, and takes a push', async () => {
      const name = await aRepository();
      expect(await row(`team/${name}`)).toMatchObject({ isPublic: false, category: 'other', description: '' });
      const image = anImage();
      await whole.bob.push(`team/${name}`, image, 'v1');
      await whole.bob.pullAndCompare(`team/${name}`, 'v1', image);
    });

    it('by many at once is made once', async () => {
      const body = { repository: 'at-once', is_public: false };
      const answers = await Promise.all(Array.from({ length: 12 }, () => ask('bob', 'POST', TEAM, body)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 11 }, () => 409)]);
    });

    it('and deleted at once is never our fault', async () => {
      const body = { repository: 'to-and-fro', is_public: false };
      for (let round = 0; round < 5; round++) {
        const answers = await Promise.all(
          Array.from({ length: 12 }, (_, n) =>
            n % 2 === 0 ? ask('admin', 'POST', TEAM, body) : ask('admin', 'DELETE', `${TEAM}/to-and-fro`),
          ),
        );
        for (const { status } of answers) expect([201, 204, 404, 409]).toContain(status);
      }
    });

    it.each<[string, unknown, number, string]>([
      ['no name', { is_public: true }, 400, '4001014'],
      ['a name that is no text', { repository: 7, is_public: true }, 400, '4001029'],
      ['a name with upper case', { repository: 'App', is_public: true }, 400, '4001029'],
      ['a name that is too long', { repository: 'a'.repeat(129), is_public: true }, 400, '4001029'],
      ['a name that leaves the organisation', { repository: '../other/app', is_public: true }, 400, '4001029'],
      ['no is_public', { repository: 'x' }, 400, '4001014'],
      ['is_public of null', { repository: 'x', is_public: null }, 400, '4001014'],
      ['is_public as text', { repository: 'x', is_public: 'true' }, 400, '4001009'],
      ['an unknown category', { repository: 'x', is_public: true, category: 'games' }, 400, '4000014'],
      ['a description that is no text', { repository: 'x', is_public: true, description: 1 }, 400, '4000014'],
      ['a NUL', { repository: 'x', is_public: true, description: 'a\0b' }, 400, '4000014'],
      ['half a character', { repository: 'x', is_public: true, description: '\ud800' }, 400, '4000014'],
      ['a long description', { repository: 'x', is_public: true, description: 'd'.repeat(30_001) }, 413, '4131012'],
      ['an array', [{ repository: 'x', is_public: true }], 400, '4001018'],
      ['no JSON', '{"repository":', 400, '4001018'],
      ['nothing', undefined, 400, '4001018'],
      ['more than a megabyte', `{"repository":"x"${' '.repeat(1024 * 1024)}}`, 413, '4131001'],
    ])('is not with %s', async (_what, body, status, code) => {
      expect(await refusal('bob', 'POST', TEAM, body)).toEqual([status, code]);
      expect(await row('team/x')).toBeNull();
    });

    it('is not in an organisation that is not there, or is somebody else’s, or is not theirs to change', async () => {
      const body = { repository: 'x', is_public: false };
      expect(await refusal('eve', 'POST', TEAM, body)).toEqual([404, '4040058']);
      expect(await refusal('admin', 'POST', '/v2/manage/namespaces/nowhere/repos', body)).toEqual([404, '4040058']);
      const { prisma } = whole.registry.host.database!;
      await prisma.organisationPermission.updateMany({ data: { auth: 1 } });
      expect(await refusal('bob', 'POST', TEAM, body)).toEqual([403, '4037017']);
      await prisma.organisationPermission.updateMany({ data: { auth: 3 } });
    });
  });

  describe('changed', () => {
    it('has what was given, and the rest as it was', async () => {
      const name = await aRepository();
      const change = (body: unknown) => ask('bob', 'PATCH', `${TEAM}/${name}`, body);
      expect((await change({ is_public: true, description: 'long '.repeat(6_000) })).expect(201).json()).toEqual({});
      (await change({ category: 'database', is_public: null })).expect(201);
      (await change({ description: '' })).expect(201);
      expect(await row(`team/${name}`)).toMatchObject({ isPublic: true, category: 'database', description: '' });
      (await whole.anonymous.listTags(`team/${name}`)).expect(200);
    });

    it.each<[string, unknown, number, string]>([
      ['nothing', {}, 400, '4001014'],
      ['what it does not know', { other: 1 }, 400, '4001014'],
      ['is_public as a number', { is_public: 1 }, 400, '4001009'],
      ['an unknown category', { category: 'games' }, 400, '4000014'],
      ['a long description', { description: 'd'.repeat(30_001) }, 413, '4131012'],
      ['a NUL', { description: '\0' }, 400, '4000014'],
      ['an array', [], 400, '4001018'],
    ])('it is not with %s', async (_what, body, status, code) => {
      const name = await aRepository();
      expect(await refusal('bob', 'PATCH', `${TEAM}/${name}`, body)).toEqual([status, code]);
    });
  });

  describe('deleted', () => {
    it('is gone with its untagged images, and its name is free', async () => {
      const name = await aRepository();
      const index = anIndex();
      await whole.admin.push(`team/${name}`, index, 'v1');
      expect(await refusal('admin', 'DELETE', `${TEAM}/${name}`)).toEqual([406, '4060012']);
      await whole.admin.pullAndCompare(`team/${name}`, 'v1', index);
      expect((await ask('admin', 'DELETE', `${TEAM}/${name}/tags/v1`)).expect(204).text).toBe('');
      expect((await ask('admin', 'DELETE', `${TEAM}/${name}`)).expect(204).text).toBe('');
      expect(await row(`team/${name}`)).toBeNull();
      expect(await refusal('admin', 'DELETE', `${TEAM}/${name}`)).toEqual([404, '4040010']);
      (await whole.admin.getManifest(`team/${name}`, index.manifest.digest)).expect(404);
      (await ask('admin', 'POST', TEAM, { repository: name, is_public: false })).expect(201);
      await whole.admin.push(`team/${name}`, index, 'v2');
      await whole.admin.pullAndCompare(`team/${name}`, 'v2', index);
    });

    it('with a slash in its name is found under either spelling', async () => {
      for (const path of ['a$b', 'a/b']) {
        (await ask('admin', 'POST', TEAM, { repository: 'a/b', is_public: false })).expect(201);
        (await ask('admin', 'DELETE', `${TEAM}/${path}`)).expect(204);
      }
    });

    it('by who may edit is not', async () => {
      const name = await aRepository();
      expect(await refusal('bob', 'DELETE', `${TEAM}/${name}`)).toEqual([403, '4037020']);
    });

    it('during an upload comes back by the right of the pusher, and not for one who has none left', async () => {
      const { prisma } = whole.registry.host.database!;
      for (const allowed of [true, false]) {
        const name = await aRepository();
        const blob = randomBlob(100);
        const session = await whole.bob.startUpload(`team/${name}`);
        (await ask('admin', 'DELETE', `${TEAM}/${name}`)).expect(204);
        if (!allowed) await prisma.organisationPermission.updateMany({ data: { auth: 1 } });
        const answer = await session.finish(blob.digest, blob.bytes);
        await prisma.organisationPermission.updateMany({ data: { auth: 3 } });
        expect([answer.status, ...answer.codes]).toEqual(allowed ? [201] : [403, 'DENIED']);
        expect((await row(`team/${name}`)) !== null).toBe(allowed);
      }
    });
  });

  describe('tags', () => {
    const tagsOf = async (name: string) =>
      (await whole.admin.listTags(`team/${name}`)).expect(200).json<{ tags: string[] }>().tags;

    it('are deleted alone: what they named stays', async () => {
      const name = await aRepository();
      const image = anImage();
      for (const tag of ['v1', 'v2']) await whole.admin.push(`team/${name}`, image, tag);
      expect(await refusal('bob', 'DELETE', `${TEAM}/${name}/tags/v1`)).toEqual([403, '4037020']);
      (await ask('admin', 'DELETE', `${TEAM}/${name}/tags/v1`)).expect(204);
      expect(await tagsOf(name)).toEqual(['v2']);
      (await whole.admin.getManifest(`team/${name}`, image.manifest.digest)).expect(200);
      for (const tag of ['v1', 'never', image.manifest.digest, 'a b', '-x']) {
        const path = `${TEAM}/${name}/tags/${encodeURIComponent(tag)}`;
        expect(await refusal('admin', 'DELETE', path)).toEqual([404, '4040048']);
      }
      expect(await tagsOf(name)).toEqual(['v2']);
    });

    it('are given to what another tag names, and moved when that is meant', async () => {
      const name = await aRepository();
      const [one, two] = [anImage(), anImage()];
      await whole.admin.push(`team/${name}`, one, 'one');
      await whole.admin.push(`team/${name}`, two, 'two');
      const retag = { source_tag: 'one', destination_tag: 'new' };
      const path = `${TEAM}/${name}/tags`;
      expect((await ask('bob', 'POST', path, retag)).expect(201).json()).toEqual({});
      await whole.admin.pullAndCompare(`team/${name}`, 'new', one);
      for (const override of [undefined, null, false]) {
        const moved = { source_tag: 'two', destination_tag: 'new', override };
        expect(await refusal('bob', 'POST', path, moved)).toEqual([409, '4090048']);
      }
      (await ask('bob', 'POST', path, { source_tag: 'two', destination_tag: 'new', override: true })).expect(201);
      await whole.admin.pullAndCompare(`team/${name}`, 'new', two);
    });

    it.each<[string, unknown, number, string]>([
      ['no source', { destination_tag: 'x' }, 400, '4001014'],
      ['no destination', { source_tag: 'x' }, 400, '4001014'],
      ['a source that is no tag', { source_tag: 'a b', destination_tag: 'x' }, 400, '4000014'],
      ['a destination that is no tag', { source_tag: 'x', destination_tag: '-' }, 400, '4000014'],
      ['a destination that is too long', { source_tag: 'x', destination_tag: 'a'.repeat(129) }, 400, '4000014'],
      ['a number', { source_tag: 1, destination_tag: 'x' }, 400, '4000014'],
      ['an override that is no boolean', { source_tag: 'x', destination_tag: 'y', override: 'yes' }, 400, '4000014'],
      ['a source that is not there', { source_tag: 'none', destination_tag: 'x' }, 404, '4040048'],
      ['an array', [], 400, '4001018'],
    ])('are not given with %s', async (_what, body, status, code) => {
      const name = await aRepository();
      expect(await refusal('bob', 'POST', `${TEAM}/${name}/tags`, body)).toEqual([status, code]);
    });
  });

  it('of others are not there, whatever is asked', async () => {
    const name = await aRepository();
    await whole.admin.push(`team/${name}`, anImage(), 'v1');
    for (const [method, path, body] of [
      ['PATCH', '', { is_public: true }],
      ['DELETE', '', undefined],
      ['POST', '/tags', { source_tag: 'v1', destination_tag: 'v2' }],
      ['DELETE', '/tags/v1', undefined],
    ] as const) {
      const real = await ask('eve', method, `${TEAM}/${name}${path}`, body);
      const none = await ask('eve', method, `${TEAM}/nothing${path}`, body);
      expect([real.status, real.text]).toEqual([404, none.text]);
      expect(codeOf(real)).toBe('4040010');
    }
    await ask('bob', 'PATCH', `${TEAM}/${name}`, { is_public: true });
    expect(await refusal('eve', 'PATCH', `${TEAM}/${name}`, { is_public: false })).toEqual([403, '4037020']);
    expect(await row(`team/${name}`)).toMatchObject({ isPublic: true });
  });

  describe('pulls', () => {
    it('are counted: images, however they are asked for, and nothing else', async () => {
      const name = `team/${await aRepository()}`;
      const [image, index] = [anImage(), anIndex()];
      await whole.admin.push(name, image, 'v1');
      await whole.admin.push(name, index, 'multi');
      (await whole.admin.headManifest(name, 'v1')).expect(200);
      const known = { headers: { 'if-none-match': `"${image.manifest.digest}"` } };
      (await whole.admin.getManifest(name, 'v1', known)).expect(304);
      (await whole.admin.getManifest(name, 'multi')).expect(200);
      (await whole.admin.getManifest(name, 'none')).expect(404);
      for (const reference of ['v1', 'v1', image.manifest.digest]) {
        (await whole.admin.getManifest(name, reference)).expect(200);
      }
      // What came before the last one was counted, or not, before it.
      await eventually(async () => (await pullsOf(name)) >= 3, { what: 'the pulls are told', within: 20_000 });
      expect(await pullsOf(name)).toBe(3);
    });

    it('go with the repository', async () => {
      const name = await aRepository();
      const image = anImage();
      await whole.admin.push(`team/${name}`, image, image.manifest.digest);
      (await whole.admin.getManifest(`team/${name}`, image.manifest.digest)).expect(200);
      await eventually(async () => (await pullsOf(`team/${name}`)) === 1, {
        what: 'the pull is told',
        within: 20_000,
      });
      (await ask('admin', 'DELETE', `${TEAM}/${name}`)).expect(204);
      expect(await row(`team/${name}`)).toBeNull();
      expect(await pullsOf(`team/${name}`)).toBe(0);
    });
  });
});

describe('repositories in open mode', () => {
  let whole: WholeRegistry;
  beforeAll(async () => {
    whole = await startWholeRegistry({ BERTH_OPEN: 'true' });
  });
  afterAll(() => whole?.stop());

  it('are made, changed and deleted by anybody, and pulls are counted until the end', async () => {
    const ask = (method: string, path: string, body?: unknown) =>
      exchange({
        method,
        url: `${whole.registry.address}${TEAM}${path}`,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    (await ask('POST', '', { repository: 'open', is_public: false })).expect(201);
    (await ask('PATCH', '/open', { category: 'lang' })).expect(201);
    const image = anImage();
    await whole.anonymous.push('team/open', image, 'v1');
    (await ask('POST', '/open/tags', { source_tag: 'v1', destination_tag: 'v2' })).expect(201);
    (await whole.anonymous.getManifest('team/open', 'v2')).expect(200);
    const { prisma } = whole.registry.host.database!;
    await eventually(async () => Number((await prisma.repositoryPulls.findFirst())?.pulls ?? 0) === 1, {
      what: 'the pull is told',
      within: 20_000,
    });
    for (const tag of ['v1', 'v2']) (await ask('DELETE', `/open/tags/${tag}`)).expect(204);
    (await ask('DELETE', '/open')).expect(204);
  });
});
