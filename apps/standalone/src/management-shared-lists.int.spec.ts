import { createHmac } from 'node:crypto';
import { anImage, basic, eventually, exchange, type HttpAnswer, RegistryClient, requestToken } from '@berth/testing';
import { codeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

type Row = Record<string, unknown>;
interface Named {
  namespace: string;
  name: string;
}

const IMAGE = anImage();
const PASSWORD = ADMIN.password;
const STAMP = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/) as string;

/** Lists of what is shared and of official images, and what Harbor asks: over real HTTP, with real rows. */
describe('lists across accounts', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let bob: ManagementClient;
  let eve: ManagementClient;
  let host: string;

  beforeAll(async () => {
    whole = await startWholeRegistry({ BERTH_OFFICIAL_ORGANISATION: 'official' });
    host = new URL(whole.registry.address).host;
    await makeEve();
    admin = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...ADMIN });
    bob = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...BOB });
    eve = await ManagementClient.logIn(whole.registry.address, { account: 'other', user: 'eve', password: PASSWORD });
    for (const name of ['team/app', 'team/web/front', 'secret/keys', 'team/alone']) {
      await whole.admin.push(name, IMAGE, 'v1');
    }
    await share('team', 'app', 'forever');
    await share('team', 'web$front', '2999-01-01T00:00:00Z');
    await share('secret', 'keys', '2999-01-01T00:00:00Z');
    (await admin.ask('PATCH', 'namespaces/secret/repos/keys', { description: 'All of them' })).expect(201);
    const lapsed = `UPDATE manage.repository_share SET deadline = now() - interval '2 days'
      WHERE repository_id = (SELECT id FROM registry.repository WHERE path = 'secret/keys')`;
    await whole.registry.host.database!.rows({ name: 'lapse', text: lapsed }, []);
  });
  afterAll(() => whole?.stop());

  async function makeEve(): Promise<void> {
    const { prisma } = whole.registry.host.database!;
    const { passwordHash } = await prisma.user.findFirstOrThrow({ where: { name: 'admin' } });
    for (const [account, user] of [
      ['other', 'eve'],
      ['third', 'tom'],
    ] as const) {
      await prisma.account.create({ data: { name: account, users: { create: { name: user, passwordHash } } } });
    }
  }
  async function share(organisation: string, repository: string, deadline: string): Promise<void> {
    for (const access_domain of ['other', 'third']) {
      const path = `namespaces/${organisation}/repositories/${repository}/access-domains`;
      (await admin.ask('POST', path, { access_domain, permit: 'read', deadline })).expect(201);
    }
  }
  const rowsOf = (answer: HttpAnswer): Row[] => answer.expect(200).json<Row[]>();
  const nameOf = ({ namespace, name }: Partial<Named>) => `${namespace}/${name}`;
  const namesOf = (answer: HttpAnswer) => rowsOf(answer).map(nameOf);
  const ALL = ['secret/keys', 'team/app', 'team/web/front'];
  const BY_NAME = 'order_column=namespace&order_type=asc';

  describe('of what is shared', () => {
    it('show to the other account what is shared with it, in all fields', async () => {
      const [row] = rowsOf(await eve.get('shared-repositories?center=thirdparty&name=app'));
      expect(row).toEqual({
        name: 'app',
        category: 'other',
        description: '',
        size: row!['size'],
        is_public: false,
        num_images: 1,
        num_download: 0,
        url: '',
        path: `${host}/team/app`,
        internal_path: `${host}/team/app`,
        created_at: STAMP,
        updated_at: STAMP,
        logo: '',
        domain_name: 'admin',
        namespace: 'team',
        tags: ['v1'],
        status: true,
        total_range: 1,
      });
    });

    it('show a lapsed share by its name, and nothing of what came in since', async () => {
      const rows = rowsOf(await eve.get(`shared-repositories?center=thirdparty&${BY_NAME}`));
      expect(rows.map(({ namespace, name, status }) => [namespace, name, status])).toEqual([
        ['secret', 'keys', false],
        ['team', 'app', true],
        ['team', 'web/front', true],
      ]);
      expect(rows[0]).toMatchObject({ tags: [], description: '', size: 0, num_images: 0, num_download: 0 });
      expect(rows[1]!['size']).toBeGreaterThan(0);
    });

    it('show to the own account what it shares once, as far as the user may read it', async () => {
      for (const query of [BY_NAME, `center=self&${BY_NAME}`]) {
        expect(namesOf(await admin.get(`shared-repositories?${query}`))).toEqual(ALL);
      }
      const rows = rowsOf(await admin.get(`shared-repositories?${BY_NAME}`));
      expect(rows.map(({ status }) => status)).toEqual([false, true, true]);
      expect(rows[0]).toMatchObject({ tags: ['v1'], description: 'All of them', num_images: 1 });
      expect(namesOf(await bob.get(`shared-repositories?${BY_NAME}`))).toEqual(ALL.slice(1));
      expect(namesOf(await admin.get('shared-repositories?center=thirdparty'))).toEqual([]);
      expect(namesOf(await eve.get('shared-repositories'))).toEqual([]);
    });

    it('show to a user what it was granted in a repository alone', async () => {
      const { prisma } = whole.registry.host.database!;
      const { id: userId } = await prisma.user.findFirstOrThrow({ where: { name: 'bob' } });
      const { id: repositoryId } = await prisma.repository.findFirstOrThrow({ where: { path: 'secret/keys' } });
      await prisma.repositoryPermission.create({ data: { userId, repositoryId, auth: 1 } });
      expect(namesOf(await bob.get(`shared-repositories?${BY_NAME}`))).toEqual(ALL);
      await prisma.repositoryPermission.deleteMany();
    });

    it.each([
      ['status=true', ALL.slice(1)],
      ['status=false', ALL.slice(0, 1)],
      ['namespace=eam', ALL.slice(1)],
      ['name=/fro', ['team/web/front']],
      ['name=%25', []],
      ['domain_name=admin', ALL],
      ['domain_name=adm', []],
      ['is_public=true', []],
      ['category=linux', []],
      ['filter=center::thirdparty|namespace::team|status::true|name::app', ['team/app']],
      ["filter='center::thirdparty'&center=self", ALL],
    ])('filter by %s', async (query, names) => {
      const center = query.includes('center') ? '' : '&center=thirdparty';
      expect(namesOf(await eve.get(`shared-repositories?${query}${center}&${BY_NAME}`))).toEqual(names);
    });

    it.each(['updated_at', 'updated_time', 'name', 'tag_count', 'namespace', 'domain_name', 'is_public'])(
      'are in the order of %s, both ways',
      async (column) => {
        const asked = `shared-repositories?center=thirdparty&order_column=${column}`;
        const up = namesOf(await eve.get(`${asked}&order_type=asc`));
        expect(namesOf(await eve.get(`${asked}&order_type=desc`))).toEqual(up.toReversed());
        expect(up.toSorted()).toEqual(ALL);
        if (column === 'name') expect(up).toEqual(['team/app', 'secret/keys', 'team/web/front']);
        // A change of what is said about it is one, too.
        if (column.startsWith('updated')) expect(up.indexOf('team/app')).toBeLessThan(up.indexOf('team/web/front'));
      },
    );

    it('page, and say where a named page stands', async () => {
      const asked = `shared-repositories?center=thirdparty&${BY_NAME}`;
      const answer = await eve.get(`${asked}&limit=1&offset=1`);
      expect([namesOf(answer), answer.header('content-range')]).toEqual([['team/app'], '1-1/3']);
      expect(rowsOf(answer)[0]!['total_range']).toBe(3);
      const behind = await eve.get(`${asked}&limit=2&offset=9`);
      expect([rowsOf(behind), behind.header('content-range')]).toEqual([[], '9-0/3']);
      expect((await eve.get(`${asked}&limit=1`)).header('content-range')).toBeUndefined();
    });

    it.each([
      ['center=nowhere', '4001025'],
      ['status=maybe', '4001025'],
      ['order_column=size', '4001025'],
      ['name=%00', '4001025'],
      ['domain_name=%00', '4001025'],
      ['limit=0', '4000056'],
      ['filter=colour::red', '4001035'],
    ])('refuse %s', async (query, code) => {
      expect(codeOf((await eve.get(`shared-repositories?${query}`)).expect(400))).toBe(`SVCSTG.SWR.${code}`);
    });

    it('are the list of repositories where that is asked for with center=thirdparty', async () => {
      const [listed, shared] = await Promise.all(
        ['repos', 'shared-repositories'].map((path) => eve.get(`${path}?center=thirdparty&${BY_NAME}`)),
      );
      expect(namesOf(listed!)).toEqual(ALL);
      expect(listed!.json()).toEqual(shared!.json());
      expect(namesOf(await eve.get('repos'))).toEqual([]);
    });

    it('give a page whose rows fill several messages as one', async () => {
      const description = 'x'.repeat(30_000);
      const names = Array.from({ length: 60 }, (_, n) => `big/r${String(n).padStart(2, '0')}`);
      await whole.admin.push(names[0]!, IMAGE, 'v1');
      const database = whole.registry.host.database!;
      const make = `INSERT INTO registry.repository (organisation_id, path, description)
        SELECT id, unnest($1::text[]), $2 FROM manage.organisation WHERE name = 'big'`;
      await database.rows({ name: 'make-big', text: make }, [names.slice(1), description]);
      const shareAll = `INSERT INTO manage.repository_share (repository_id, account_id)
        SELECT r.id, a.id FROM registry.repository r, auth.account a WHERE r.path LIKE 'big/%' AND a.name = 'other'`;
      await database.rows({ name: 'share-big', text: shareAll }, []);
      const answer = await eve.get(`shared-repositories?center=thirdparty&namespace=big&${BY_NAME}&limit=100&offset=0`);
      expect(namesOf(answer)).toEqual(names);
      expect(answer.header('content-range')).toBe('0-60/60');
      expect(rowsOf(answer).every(({ status, total_range }) => status === true && total_range === 60)).toBe(true);
      expect(namesOf(await admin.get(`shared-repositories?namespace=big&${BY_NAME}`))).toEqual(names);
      await database.prisma.repositoryShare.deleteMany({ where: { repository: { path: { startsWith: 'big/' } } } });
    });
  });

  describe('of one repository', () => {
    it('tell who made it, by hand or by a first push, and how often it was pulled', async () => {
      const shown = async (repository: string) =>
        (await admin.get(`namespaces/team/repos/${repository}`)).expect(200).json<Row>();
      const { prisma } = whole.registry.host.database!;
      const wireOf = async (name: string) =>
        (await prisma.user.findFirstOrThrow({ where: { name } })).id.replaceAll('-', '');
      await whole.bob.push('team/pushed', IMAGE, 'v1');
      (await bob.ask('POST', 'namespaces/team/repos', { repository: 'made', is_public: false })).expect(201);
      for (const name of ['pushed', 'made']) {
        expect(await shown(name)).toMatchObject({
          creator_id: await wireOf('bob'),
          creator_name: 'bob',
          num_download: 0,
          num_downloads: 0,
        });
      }
      await prisma.repository.update({ where: { path: 'team/pushed' }, data: { creatorId: null } });
      expect(await shown('pushed')).toMatchObject({ creator_id: await wireOf('admin'), creator_name: 'admin' });
      for (let n = 0; n < 3; n++) (await whole.bob.getManifest('team/pushed', 'v1')).expect(200);
      await eventually(async () => (await shown('pushed'))['num_download'] === 3, { what: 'three pulls are counted' });
      expect((await shown('pushed'))['num_downloads']).toBe(3);
      expect(rowsOf(await admin.get('repos?name=pushed'))[0]).toMatchObject({ num_download: 3 });
    });
  });

  describe('of official images', () => {
    const IMAGES = 'dockerhub/namespaces/official/repos';
    beforeAll(async () => {
      for (const name of ['official/busybox', 'official/tools/zip', 'official/hidden']) {
        await whole.admin.push(name, IMAGE, '1.0');
      }
      await whole.admin.push('official/busybox', IMAGE, '1.1');
      for (const name of ['busybox', 'tools$zip']) {
        const said = { is_public: true, description: `About ${name}` };
        (await admin.ask('PATCH', `namespaces/official/repos/${name}`, said)).expect(201);
      }
      (await admin.ask('PATCH', 'namespaces/team/repos/alone', { is_public: true })).expect(201);
    });

    it('show the public repositories of the organisation, to everybody', async () => {
      const rows = rowsOf(await eve.get('dockerhub/repos'));
      expect(rows).toEqual(
        ['busybox', 'tools/zip'].map((name) => ({
          id: expect.any(Number) as number,
          user: 'official',
          name,
          namespace: 'official',
          description: `About ${name.replace('/', '$')}`,
          star_count: 0,
          pull_count: 0,
          last_updated: expect.stringMatching(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/) as string,
          is_collected: false,
          collection_id: 0,
          total_range: 2,
        })),
      );
      const [row] = rows;
      const shown = (await eve.get(`${IMAGES}/busybox`)).expect(200).json();
      expect(shown).toEqual({ ...row, total_range: 1, full_description: 'About busybox' });
      const updated = Date.parse(`${row!['last_updated'] as string}Z`);
      expect(Math.abs(Date.now() - updated)).toBeLessThan(60_000);
    });

    it.each([
      ['image_name=usy', ['busybox'], 1],
      ['image_name=%25', [], 0],
      ['namespace=official&image_name=', ['busybox', 'tools/zip'], 2],
      ['namespace=team', [], 0],
      ['filter=image_name::zip', ['tools/zip'], 1],
    ])('filter by %s, and name the limit in Content-Range', async (query, names, total) => {
      const answer = await bob.get(`dockerhub/repos?${query}&offset=0&limit=7`);
      expect(rowsOf(answer).map(({ name }) => name)).toEqual(names);
      expect(answer.header('content-range')).toBe(`0-7/${total}`);
    });

    it('page', async () => {
      const answer = await eve.get('dockerhub/repos?offset=1&limit=1');
      expect(rowsOf(answer).map(({ name }) => name)).toEqual(['tools/zip']);
      expect(answer.header('content-range')).toBe('1-1/2');
      expect((await eve.get('dockerhub/repos?limit=1')).header('content-range')).toBeUndefined();
    });

    it('show their tags', async () => {
      const answer = await eve.get(`${IMAGES}/busybox/tags?offset=0&limit=10`);
      const size = [IMAGE.config, ...IMAGE.layers, IMAGE.manifest].reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(rowsOf(answer)).toEqual(
        ['1.1', '1.0'].map((name) => ({
          id: expect.any(Number) as number,
          name,
          size,
          last_updated: expect.stringMatching(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/) as string,
        })),
      );
      expect(answer.header('content-range')).toBe('0-10/2');
      expect(rowsOf(await eve.get(`${IMAGES}/tools$zip/tags`))).toHaveLength(1);
      expect(rowsOf(await eve.get(`${IMAGES}/tools/zip/tags`))).toHaveLength(1);
    });

    it.each([
      `${IMAGES}/hidden`,
      `${IMAGES}/nothing`,
      'dockerhub/namespaces/team/repos/alone',
      'dockerhub/namespaces/nowhere/repos/busybox',
    ])('know nothing of %s, not even to whoever may read it', async (path) => {
      for (const each of [path, `${path}/tags`]) {
        expect(codeOf((await admin.get(each)).expect(404))).toBe('SVCSTG.SWR.4040010');
      }
    });

    it('refuse a bad page, and another method', async () => {
      expect(codeOf((await eve.get('dockerhub/repos?limit=x')).expect(400))).toBe('SVCSTG.SWR.4000056');
      (await eve.ask('POST', 'dockerhub/repos', {})).expect(405);
      (await eve.get('dockerhub')).expect(404);
      (await eve.get('dockerhub/namespaces/official/repos')).expect(404);
      (await exchange({ method: 'GET', url: `${whole.registry.address}/v2/manage/dockerhub/repos` })).expect(401);
    });
  });

  describe('for Harbor', () => {
    let key: { user: string; password: string };
    beforeAll(async () => {
      const made = await keyOf(ADMIN.user);
      const password = createHmac('sha256', made.secret).update(made.access).digest('hex');
      key = { user: `${made.project}@${made.access}`, password };
    });

    async function keyOf(user: string) {
      const { address } = whole.registry;
      const identity = {
        methods: ['password'],
        password: { user: { name: user, password: PASSWORD, domain: { name: 'admin' } } },
      };
      const logIn = { method: 'POST', url: `${address}/v3/auth/tokens`, body: JSON.stringify({ auth: { identity } }) };
      const token = (await exchange(logIn)).expect(201).header('x-subject-token')!;
      const headers = { 'x-auth-token': token };
      const projects = await exchange({ method: 'GET', url: `${address}/v3/projects`, headers });
      const [project] = projects.expect(200).json<{ projects: { name: string }[] }>().projects;
      const body = JSON.stringify({ credential: { description: 'Harbor' } });
      const url = `${address}/v3.0/OS-CREDENTIAL/credentials`;
      const made = (await exchange({ method: 'POST', url, headers, body })).expect(201);
      return { project: project!.name, ...made.json<{ credential: { access: string; secret: string } }>().credential };
    }
    const ask = (credentials: { user: string; password: string } | null, method: string, path: string, body?: object) =>
      exchange({
        method,
        url: `${whole.registry.address}/dockyard/v2/${path}`,
        headers: {
          'content-type': 'application/json; charset=utf-8',
          ...(credentials && { authorization: basic(credentials) }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    const namespacesOf = (answer: HttpAnswer) => answer.expect(200).json<{ namespaces: Row[] }>().namespaces;

    it('serve a replication, from the first look to the push and the pull', async () => {
      expect((await ask(key, 'GET', 'visible/namespaces')).expect(200).json<object>()).toEqual({
        namespaces: expect.arrayContaining([
          {
            id: expect.any(Number) as number,
            name: 'secret',
            creator_name: 'admin',
            auth: 7,
            user_count: 0,
            image_count: 1,
          },
        ]) as Row[],
      });
      // Harbor makes an organisation where the one that it looks for has no name.
      const missing = (await ask(key, 'GET', 'namespaces/mirror')).expect(200).json<{ name?: string }>();
      expect(missing).toEqual({ namespaces: [] });
      (await ask(key, 'POST', 'namespaces', { namespace: 'mirror' })).expect(201);
      const there = (await ask(key, 'GET', 'namespaces/mirror')).expect(200).json<Row>();
      expect(there).toMatchObject({ name: 'mirror', auth: 7, user_count: 0, image_count: 0 });
      expect(there['namespaces']).toHaveLength(1);
      expect(codeOf((await ask(key, 'POST', 'namespaces', { namespace: 'mirror' })).expect(409))).toBe(
        'SVCSTG.SWR.4090060',
      );

      for (const slash of ['', '/']) {
        const realm = `${whole.registry.address}/swr/auth/v2/registry/auth${slash}`;
        const scopes = ['repository:mirror/app:push,pull'];
        const token = (await requestToken({ realm, scopes, credentials: key })).expect(200).json<Row>();
        expect(token).toMatchObject({ token: expect.any(String) as string, issued_at: STAMP });
        const headers = { authorization: `Bearer ${token['token'] as string}` };
        const url = `${whole.registry.address}/v2/mirror/app/manifests/v1`;
        const status = slash === '' ? 404 : 200;
        (await exchange({ method: 'GET', url, headers })).expect(status);
        if (slash === '') await new RegistryClient(whole.registry.address, key).push('mirror/app', IMAGE, 'v1');
      }
      const rows = rowsOf(await ask(key, 'GET', 'repositories?filter=center::self'));
      expect(rows.find((row) => nameOf(row) === 'mirror/app')).toMatchObject({
        tags: ['v1'],
        num_images: 1,
        num_download: expect.any(Number) as number,
        created_at: STAMP,
        total_range: rows.length,
      });
      expect(namesOf(await ask(key, 'GET', 'repositories?filter=center::self'))).toEqual(
        expect.arrayContaining(['team/app', 'secret/keys', 'mirror/app']),
      );
      expect((await ask(key, 'GET', 'namespaces/mirror')).json()).toMatchObject({ image_count: 1 });
    });

    it('show each user what the management API shows it', async () => {
      expect(namespacesOf(await ask(BOB, 'GET', 'namespaces'))).toEqual([
        expect.objectContaining({ name: 'team', auth: 3, user_count: 1 }),
      ]);
      expect((await ask(BOB, 'GET', 'namespaces/secret')).json()).toEqual({ namespaces: [] });
      const names = namesOf(await ask(BOB, 'GET', 'repositories?filter=center::self'));
      expect(names).toEqual(namesOf(await bob.get('repos')));
      expect(names.every((name) => name.startsWith('team/'))).toBe(true);
      const tom = { user: 'third/tom', password: PASSWORD };
      expect(namespacesOf(await ask(tom, 'GET', 'visible/namespaces'))).toEqual([]);
      const paged = await ask(BOB, 'GET', 'repositories?filter=center::self|limit::1|offset::1');
      expect([rowsOf(paged).length, paged.header('content-range')]).toEqual([1, `1-1/${names.length}`]);
    });

    it('show an organisation in which only a repository was granted where that is asked for', async () => {
      const { prisma } = whole.registry.host.database!;
      const { id: userId } = await prisma.user.findFirstOrThrow({ where: { name: 'bob' } });
      const { id: repositoryId } = await prisma.repository.findFirstOrThrow({ where: { path: 'secret/keys' } });
      await prisma.repositoryPermission.create({ data: { userId, repositoryId, auth: 1 } });
      const names = async (path: string) => namespacesOf(await ask(BOB, 'GET', path)).map(({ name }) => name);
      expect(await names('visible/namespaces')).toEqual(['secret', 'team']);
      expect(await names('namespaces')).toEqual(['team']);
      await prisma.repositoryPermission.deleteMany();
    });

    it('give up to a thousand tags of a repository, and as many repositories, at once', async () => {
      await whole.admin.push('team/tagged', IMAGE, 't0');
      const text = `INSERT INTO registry.tag (repository_id, name, manifest_id)
        SELECT repository_id, 't' || n, manifest_id FROM registry.tag, generate_series(1, 1001) n WHERE name = 't0'`;
      await whole.registry.host.database!.rows({ name: 'tags', text }, []);
      const [row] = rowsOf(await ask(BOB, 'GET', 'repositories?filter=center::self|name::tagged'));
      expect([row!['num_images'], (row!['tags'] as string[]).length]).toEqual([1002, 1000]);
      const made = `INSERT INTO registry.repository (organisation_id, path)
        SELECT id, 'team/many' || n FROM manage.organisation, generate_series(1, 1000) n WHERE name = 'team'`;
      await whole.registry.host.database!.rows({ name: 'repositories', text: made }, []);
      expect(rowsOf(await ask(BOB, 'GET', 'repositories?filter=center::self|name::many'))).toHaveLength(1000);
      expect(rowsOf(await bob.get('repos?filter=center::self|name::many'))).toHaveLength(100);
    });

    it.each([
      ['no credentials', null, 'SVCSTG.S2I.4019000'],
      ['a wrong password', { user: 'admin', password: 'wrong' }, 'SVCSTG.SWR.4010000'],
      ['nobody', { user: 'nobody', password: PASSWORD }, 'SVCSTG.SWR.4010000'],
    ])('refuse %s, and say what is taken', async (_what, credentials, code) => {
      for (const [method, path] of [
        ['GET', 'visible/namespaces'],
        ['POST', 'namespaces'],
        ['GET', 'repositories'],
      ] as const) {
        const answer = (await ask(credentials, method, path)).expect(401);
        expect([codeOf(answer), answer.header('www-authenticate')]).toEqual([
          code,
          expect.stringMatching(/^Basic realm=/),
        ]);
      }
    });

    it('refuse whoever was disabled, at once', async () => {
      const tom = { user: 'third/tom', password: PASSWORD };
      (await ask(tom, 'GET', 'namespaces')).expect(200);
      const { prisma } = whole.registry.host.database!;
      await prisma.user.updateMany({ where: { name: 'tom' }, data: { disabledAt: new Date() } });
      (await ask(tom, 'GET', 'namespaces')).expect(401);
    });

    it.each([
      ['GET', 'nothing', 404],
      ['GET', 'namespaces/a/b', 404],
      ['GET', 'namespaces/%', 400],
      ['DELETE', 'namespaces/team', 405],
      ['PUT', 'repositories', 405],
      ['GET', 'repositories?filter=center::thirdparty', 400],
      ['GET', 'repositories?limit=0', 400],
      ['GET', 'namespaces/%00', 200],
    ])('answer %s %s with %d', async (method, path, status) => {
      (await ask(BOB, method, path)).expect(status);
    });
  });
});
