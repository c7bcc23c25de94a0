import { anImage, anIndex, type HttpAnswer } from '@berth/testing';
import { codeOf, ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

type Row = Record<string, unknown>;

describe('lists of the management API', () => {
  let whole: WholeRegistry;
  let admin: ManagementClient;
  let bob: ManagementClient;
  let host: string;
  const image = anImage({ layers: 2 });
  const platforms = anIndex();

  beforeAll(async () => {
    whole = await startWholeRegistry();
    host = new URL(whole.registry.address).host;
    admin = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...ADMIN });
    bob = await ManagementClient.logIn(whole.registry.address, { account: 'admin', ...BOB });
    for (const [name, tag] of [
      ['team/app', '1'],
      ['team/app', '2'],
      ['team/web/front', 'latest'],
      ['secret/keys', 'latest'],
    ] as const) {
      await whole.admin.push(name, image, tag);
    }
    await whole.admin.push('team/multi', platforms, 'all');
  });
  afterAll(() => whole?.stop());

  const rowsOf = (answer: HttpAnswer): Row[] => answer.expect(200).json<Row[]>();
  const namesOf = (answer: HttpAnswer) => rowsOf(answer).map(({ namespace, name }) => [namespace, name].join('/'));

  describe('of repositories', () => {
    it('show a repository in all its fields', async () => {
      const [row] = rowsOf(await admin.get('repos?name=app'));
      expect(row).toEqual({
        name: 'app',
        category: 'other',
        description: '',
        size: row!['size'],
        is_public: false,
        num_images: 2,
        num_download: 0,
        url: '',
        path: `${host}/team/app`,
        internal_path: `${host}/team/app`,
        created_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/),
        updated_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+Z$/),
        logo: '',
        domain_name: 'admin',
        namespace: 'team',
        tags: ['2', '1'],
        status: false,
        total_range: 1,
      });
    });

    it('count what images share once', async () => {
      const [row] = rowsOf(await admin.get('repos?name=app'));
      const size = [image.config, ...image.layers, image.manifest].reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(row!['size']).toBe(size);
    });

    it('are those that the user has a permission for', async () => {
      expect(namesOf(await admin.get('repos?order_column=namespace&order_type=asc'))).toEqual([
        'secret/keys',
        'team/app',
        'team/multi',
        'team/web/front',
      ]);
      expect(namesOf(await bob.get('repos?order_column=namespace&order_type=asc'))).toEqual([
        'team/app',
        'team/multi',
        'team/web/front',
      ]);
    });

    it('page, and say where a named page stands', async () => {
      const answer = await admin.get('repos?order_column=name&order_type=asc&limit=2&offset=1');
      expect(namesOf(answer)).toEqual(['secret/keys', 'team/multi']);
      expect(answer.header('content-range')).toBe('1-2/4');
      expect(rowsOf(answer).map((row) => row['total_range'])).toEqual([4, 4]);
      const behind = await admin.get('repos?limit=2&offset=9');
      expect([rowsOf(behind), behind.header('content-range')]).toEqual([[], '9-0/4']);
      expect((await admin.get('repos?limit=1')).header('content-range')).toBeUndefined();
    });

    it.each([
      ['filter=center::self|namespace::eam|name::web/', ['team/web/front']],
      ["filter='name::app'", ['team/app']],
      ['filter=center%3A%3Aself%7Cnamespace%3A%3Asecret', ['secret/keys']],
      ['namespace=secret&filter=namespace::team|name::multi', ['team/multi']],
      ['name=%25', []],
      ['category=linux', []],
      ['is_public=true', []],
    ])('filter by %s', async (query, names) => {
      expect(namesOf(await admin.get(`repos?${query}`))).toEqual(names);
    });

    it.each([
      ['filter=colour::red', 'SVCSTG.SWR.4001035'],
      ['filter=name', 'SVCSTG.SWR.4001035'],
      ['limit=0', 'SVCSTG.SWR.4000056'],
      ['limit=x', 'SVCSTG.SWR.4000056'],
      ['offset=-1', 'SVCSTG.SWR.4000056'],
      ['order_column=colour', 'SVCSTG.SWR.4001025'],
      ['order_type=up', 'SVCSTG.SWR.4001025'],
      ['category=cars', 'SVCSTG.SWR.4001025'],
      ['is_public=maybe', 'SVCSTG.SWR.4001025'],
      ['center=nowhere', 'SVCSTG.SWR.4001025'],
    ])('refuse %s', async (query, code) => {
      expect(codeOf((await admin.get(`repos?${query}`)).expect(400))).toBe(code);
    });

    it('give a page whose rows fill several messages as one', async () => {
      const { prisma } = whole.registry.host.database!;
      const { id: organisationId } = await prisma.organisation.findFirstOrThrow({ where: { name: 'team' } });
      const paths = Array.from({ length: 30 }, (_, n) => `team/long/${n}`);
      const description = 'ü'.repeat(30_000);
      await prisma.repository.createMany({ data: paths.map((path) => ({ organisationId, path, description })) });
      const answer = await admin.get('repos?name=long/&order_column=name&order_type=asc&limit=25&offset=2');
      expect(namesOf(answer)).toEqual(paths.sort().slice(2, 27));
      expect(answer.header('content-range')).toBe('2-25/30');
      expect(answer.header('content-type')).toBe('application/json; charset=utf-8');
      expect(rowsOf(answer).every((row) => row['description'] === description)).toBe(true);
      await prisma.repository.deleteMany({ where: { path: { in: paths } } });
    });
  });

  describe('of one repository', () => {
    it('shows it, with a $ or a slash in its name', async () => {
      const row = (await bob.get('namespaces/team/repos/web$front')).expect(200).json<Row>();
      expect(row).toMatchObject({
        ...{ name: 'web/front', category: 'other', description: '', is_public: false, num_images: 1, priority: 0 },
        ...{ url: '', path: `${host}/team/web/front`, internal_path: `${host}/team/web/front` },
      });
      expect([typeof row['id'], typeof row['ns_id'], typeof row['size']]).toEqual(['number', 'number', 'number']);
      expect((await bob.get('namespaces/team/repos/web/front')).expect(200).json()).toEqual(row);
    });

    it('does not show what is not there, or may not be read', async () => {
      for (const path of ['team/repos/none', 'secret/repos/keys', 'none/repos/app']) {
        expect(codeOf((await bob.get(`namespaces/${path}`)).expect(404))).toBe('SVCSTG.SWR.4040010');
      }
    });
  });

  describe('of tags', () => {
    const tags = 'namespaces/team/repos/app/tags';

    it('show a tag in all its fields', async () => {
      const [row] = rowsOf(await bob.get(`${tags}?tag=2`));
      const size = [image.config, ...image.layers, image.manifest].reduce((sum, { bytes }) => sum + bytes.length, 0);
      expect(row).toEqual({
        id: expect.any(Number),
        repo_id: expect.any(Number),
        Tag: '2',
        image_id: image.config.digest.slice('sha256:'.length),
        manifest: image.manifest.bytes.toString(),
        digest: image.manifest.digest,
        schema: 2,
        path: `${host}/team/app:2`,
        internal_path: `${host}/team/app:2`,
        size,
        is_trusted: false,
        created: expect.stringMatching(/Z$/),
        updated: expect.stringMatching(/Z$/),
        deleted: null,
        domain_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        scanned: false,
        tag_type: 0,
      });
      expect((await bob.get(`${tags}/2`)).expect(200).json()).toEqual(row);
    });

    it('show an index as one', async () => {
      const [row] = rowsOf(await bob.get('namespaces/team/repos/multi/tags'));
      expect(row).toMatchObject({
        Tag: 'all',
        image_id: '',
        tag_type: 1,
        manifest: platforms.manifest.bytes.toString(),
      });
    });

    it('page and order', async () => {
      const answer = await bob.get(`${tags}?order_column=tag&order_type=asc&limit=1&offset=1`);
      expect(rowsOf(answer).map((row) => row['Tag'])).toEqual(['2']);
      expect(answer.header('content-range')).toBe('1-1/2');
      expect(rowsOf(await bob.get(tags)).map((row) => row['Tag'])).toEqual(['2', '1']);
    });

    it('say that there is no such repository, or tag', async () => {
      expect(codeOf((await bob.get('namespaces/team/repos/none/tags')).expect(404))).toBe('SVCSTG.SWR.4040010');
      for (const tag of ['none', '-not-a-tag', 'x'.repeat(129)]) {
        expect(codeOf((await bob.get(`${tags}/${tag}`)).expect(404))).toBe('SVCSTG.SWR.4040048');
      }
      expect(codeOf((await bob.get('namespaces/secret/repos/keys/tags')).expect(404))).toBe('SVCSTG.SWR.4040010');
    });
  });

  it('sums up the account', async () => {
    const overview = (await admin.get('overview')).expect(200).json<Row>();
    expect(overview).toMatchObject({ domain_name: 'admin', namspace_num: 2, repo_num: 4, image_num: 5 });
    const sizes = rowsOf(await admin.get('repos')).map((row) => row['size'] as number);
    expect(overview['store_space']).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });
});
