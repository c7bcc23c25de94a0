import { OrganisationStore, RepositoryStore } from '@berth/metadata';
import { parseRepositoryName } from '@berth/oci';
import {
  aManifest,
  anImage,
  anIndex,
  basic,
  claimsOf,
  eventually,
  exchange,
  exchangeBytes,
  randomBlob,
  type RegistryClient,
  requestToken,
} from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

describe(startStandalone, () => {
  let whole: WholeRegistry;
  let registry: Standalone;
  let admin: RegistryClient;
  let bob: RegistryClient;
  let anonymous: RegistryClient;
  beforeAll(async () => {
    whole = await startWholeRegistry();
    ({ registry, admin, bob, anonymous } = whole);
  });
  afterAll(() => whole.stop());

  it('is ready, and says so', async () => {
    (await exchange({ method: 'GET', url: `${registry.address}/readyz` })).expect(200);
    (await exchange({ method: 'GET', url: `${registry.internalAddress}/metrics` })).expect(200);
    (await exchange({ method: 'GET', url: `${registry.address}/metrics` })).expect(404);
  });

  it('takes and gives an image and an index, byte for byte', async () => {
    const [image, index] = [anImage({ layers: 3 }), anIndex()];
    await admin.push('team/app', image, 'v1');
    await admin.pullAndCompare('team/app', 'v1', image);
    await admin.push('team/app', index, 'multi');
    await admin.pullAndCompare('team/app', 'multi', index);
  });

  it('knows one repository under both spellings', async () => {
    const image = anImage();
    await admin.push('busybox', image, 'v1');
    await admin.pullAndCompare('library/busybox', 'v1', image);
    expect((await admin.listTags('busybox')).json()).toEqual({ name: 'busybox', tags: ['v1'] });
    expect((await admin.listTags('library/busybox')).json()).toEqual({ name: 'library/busybox', tags: ['v1'] });
  });

  it('gives blobs while many wrong passwords are tried, refuses most of those, and takes the right one soon after', async () => {
    const blob = randomBlob(100_000);
    await admin.pushBlob('team/app', blob);
    const token = (await admin.tokenFor(['repository:team/app:pull']))!;
    const statuses: number[] = [];
    let trying = true;
    const keepTrying = async (n: number) => {
      for (let attempt = 0; trying; attempt++) {
        const headers = { authorization: basic({ ...BOB, password: `wrong ${n} ${attempt}` }) };
        const answer = await exchange({ method: 'GET', url: `${registry.address}/v2/`, headers });
        if (answer.status === 429) expect(answer.header('retry-after')).toMatch(/^\d+$/);
        statuses.push(answer.status);
      }
    };
    const checked = () => statuses.filter((status) => status === 401).length;
    const attempts = Promise.all(Array.from({ length: 60 }, (_, n) => keepTrying(n)));
    try {
      await eventually(() => checked() > 0, { what: 'passwords are being checked' });
      const before = checked();
      const url = `${registry.address}/v2/team/app/blobs/${blob.digest}`;
      const pulled = await exchange({ method: 'GET', url, headers: { authorization: token } });
      // Behind the hashes of all the others it would have been served after sixty of them.
      expect(checked() - before).toBeLessThan(30);
      expect(pulled.expect(200).bytes.equals(blob.bytes)).toBe(true);
    } finally {
      trying = false;
      await attempts;
    }
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    const headers = { authorization: basic(BOB) };
    (await exchange({ method: 'GET', url: `${registry.address}/v2/`, headers })).expect(200);
  });

  describe('bad input', () => {
    it.each([
      ['a reference with NUL', 'manifests/v%00'],
      ['a reference with a lone surrogate', 'manifests/%ED%A0%80'],
      ['a session that is no UUID of ours', 'blobs/uploads/00000000-0000-0000-0000-000000000001'],
      ['last with NUL', 'tags/list?last=%00'],
      ['last of 10,000 characters', `tags/list?last=${'x'.repeat(10_000)}`],
      ['n beyond every number', `tags/list?n=${'9'.repeat(400)}`],
      ['a query that is no UTF-8', 'tags/list?last=%ff%fe'],
    ])('with %s is never our fault', async (_what, rest) => {
      await admin.push('team/bad', anImage(), 'v1');
      const answer = await admin.inRepository('GET', 'team/bad', rest);
      expect(answer.status).toBeLessThan(500);
    });

    it.each([
      ['a user with NUL', basic({ user: 'ad\0min', password: 'x' }), 401],
      ['a user of 300 characters', basic({ user: 'x'.repeat(300), password: 'x' }), 401],
      ['a password of 5,000 characters', basic({ user: 'admin', password: 'x'.repeat(5_000) }), 401],
      ['a user that is no UTF-8', `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x78]).toString('base64')}`, 401],
    ])('at the token endpoint with %s is refused', async (_what, authorization, status) => {
      const url = `${registry.address}/auth/token?service=berth`;
      (await exchange({ method: 'GET', url, headers: { authorization } })).expect(status);
    });

    it('in a manifest is refused, and stores nothing', async () => {
      const before = [await whole.count('registry.manifest'), await whole.count('registry.repository')];
      const { mediaType } = aManifest();
      for (const bytes of [
        '',
        '{',
        '[]',
        'null',
        '"x"',
        '{"schemaVersion":2,"__proto__":{"x":1}}',
        '\u0000',
        '\ufeff{}',
      ]) {
        const answer = await admin.inRepository('PUT', 'bad-team/app', 'manifests/v1', {
          body: bytes,
          headers: { 'content-type': mediaType, 'content-length': String(Buffer.byteLength(bytes)) },
        });
        expect([bytes, answer.status]).toEqual([bytes, 400]);
      }
      const long = await admin.inRepository('PUT', 'bad-team/app', 'manifests/v1', {
        body: Buffer.alloc(100_001, ' '),
      });
      expect(long.status).toBe(413);
      expect([await whole.count('registry.manifest'), await whole.count('registry.repository')]).toEqual(before);
    });

    it('too long is refused before it is sent', async () => {
      const authorization = await admin.tokenFor(['repository:team/app:pull,push']);
      const { host } = new URL(registry.address);
      const head = [
        'PUT /v2/team/app/manifests/v1 HTTP/1.1',
        `Host: ${host}`,
        `Authorization: ${authorization}`,
        'Content-Length: 100000000',
        'Expect: 100-continue',
      ];
      const said = await exchangeBytes(host, [...head, '', ''].join('\r\n'), 1_000);
      expect(said).toContain('HTTP/1.1 413');
    });
  });

  describe('rights', () => {
    it('let anonymous read what is public, and nothing else', async () => {
      const image = anImage();
      await admin.push('team/private', image, 'v1');
      (await anonymous.getManifest('team/private', 'v1')).expect(401);
      const path = parseRepositoryName('team/public');
      await new OrganisationStore(registry.host.database!).ensure('team', null);
      await new RepositoryStore(registry.host.database!).create(path, { isPublic: true });
      await admin.push('team/public', image, 'v1');
      await anonymous.pullAndCompare('team/public', 'v1', image);
      (await anonymous.postUpload('team/public')).expect(401);
      (await anonymous.deleteManifest('team/public', 'v1')).expect(401);
    });

    it('of a token are for its repository, its actions, and nobody else’s', async () => {
      const realm = `${registry.address}/auth/token`;
      const scopes = ['repository:team/app:pull'];
      const asked = await requestToken({ realm, service: 'berth', scopes, credentials: ADMIN });
      const { token } = asked.expect(200).json<{ token: string }>();
      expect(claimsOf(token).access).toEqual([{ type: 'repository', name: 'team/app', actions: ['pull'] }]);
      const withToken = { token: `Bearer ${token}` };
      (await admin.getManifest('team/app', 'v9', withToken)).expect(404);
      (await admin.getManifest('team/app2', 'v1', withToken)).expect(401);
      (await admin.getManifest('team/ap', 'v1', withToken)).expect(401);
      (await admin.postUpload('team/app', withToken)).expect(401);
      (await admin.deleteManifest('team/app', 'v1', withToken)).expect(401);
    });

    it('to mount need the right to read the source: without it there is an upload, and no hint', async () => {
      const blob = randomBlob(100);
      await admin.pushBlob('private/source', blob);
      const query = { mount: blob.digest, from: 'private/source' };
      const only = ['repository:team/target:pull,push'];
      const both = [...only, 'repository:private/source:pull'];
      const refused = await bob.call('POST', '/v2/team/target/blobs/uploads/', only, { query });
      const absent = await bob.call('POST', '/v2/team/target/blobs/uploads/', only, {
        query: { ...query, from: 'private/nothing' },
      });
      (await bob.call('POST', '/v2/team/target/blobs/uploads/', both, { query })).expect(202);
      expect([refused.status, absent.status]).toEqual([202, 202]);
      expect(refused.bytes).toEqual(absent.bytes);
      (await admin.headBlob('team/target', blob.digest)).expect(404);
      for (const scopes of [only, both]) {
        (await admin.call('POST', '/v2/team/target/blobs/uploads/', scopes, { query })).expect(201);
      }
      (await admin.headBlob('team/target', blob.digest)).expect(200);
    });

    describe('to mount from anywhere', () => {
      const mount = (client: RegistryClient, name: string, digest: string) =>
        client.call('POST', `/v2/${name}/blobs/uploads/`, [`repository:${name}:pull,push`], {
          query: { mount: digest },
        });

      it('take what the caller may pull, and tell nothing of the rest', async () => {
        const [blob, mine] = [randomBlob(100), randomBlob(100)];
        await admin.pushBlob('private/secret', blob);
        await bob.pushBlob('team/source', mine);
        const mounted = (await mount(bob, 'team/target', mine.digest)).expect(201);
        expect(mounted.header('docker-content-digest')).toBe(mine.digest);
        (await bob.getBlob('team/target', mine.digest)).expect(200);
        const [unreadable, absent] = [
          await mount(bob, 'team/target', blob.digest),
          await mount(bob, 'team/target', randomBlob(100).digest),
        ];
        expect([unreadable.status, absent.status]).toEqual([202, 202]);
        expect(unreadable.bytes).toEqual(absent.bytes);
        (await bob.headBlob('team/target', blob.digest)).expect(404);
        (await mount(admin, 'team/target', blob.digest)).expect(201);
      });
    });

    it('to list show everybody what they may pull, and no other name', async () => {
      await admin.pushBlob('private/hidden', randomBlob(1));
      const list = async (client: RegistryClient) =>
        (await client.catalog({ n: 1000 })).expect(200).json<{ repositories: string[] }>().repositories;
      const [all, bobs, public_] = [await list(admin), await list(bob), await list(anonymous)];
      expect(all).toEqual(expect.arrayContaining(['busybox', 'private/hidden', 'team/app']));
      expect(all).toEqual([...all].sort());
      expect(bobs).toEqual(all.filter((name) => name.startsWith('team/')));
      expect(public_).toEqual(['team/public']);
      (await exchange({ method: 'GET', url: `${registry.address}/v2/_catalog` })).expect(401);
      const withPassword = await exchange({
        method: 'GET',
        url: `${registry.address}/v2/_catalog`,
        headers: { authorization: basic(BOB) },
      });
      expect(withPassword.expect(200).json()).toEqual({ repositories: bobs });
    });

    it('are the same with a password on every route as with a token', async () => {
      const image = anImage();
      await admin.push('team/basic', image, 'v1');
      const ask = (method: string, path: string, user = BOB) =>
        exchange({ method, url: `${registry.address}/v2/${path}`, headers: { authorization: basic(user) } });
      (await ask('GET', '')).expect(200);
      (await ask('GET', 'team/basic/manifests/v1')).expect(200);
      (await ask('HEAD', `team/basic/blobs/${image.config.digest}`)).expect(200);
      (await ask('GET', 'team/basic/tags/list')).expect(200);
      (await ask('POST', 'team/basic/blobs/uploads/')).expect(202);
      expect((await ask('DELETE', 'team/basic/manifests/v1')).expect(403).codes).toEqual(['DENIED']);
      (await ask('GET', 'private/secret/manifests/v1')).expect(403);
      (await ask('GET', 'private/nothing/manifests/v1')).expect(403);
      (await ask('DELETE', 'team/basic/manifests/v1', ADMIN)).expect(202);
      const wrong = (await ask('GET', 'team/basic/tags/list', { ...BOB, password: 'wrong' })).expect(401);
      expect(wrong.header('www-authenticate')).toMatch(/^Bearer realm=.*scope="repository:team\/basic:pull"$/);
    });

    it('are asked for a blob by digest in every repository: what another one has is unknown here', async () => {
      const blob = randomBlob(100);
      await admin.pushBlob('team/secret', blob);
      await admin.pushBlob('team/target', randomBlob(1));
      expect((await admin.getBlob('team/target', blob.digest)).expect(404).codes).toEqual(['BLOB_UNKNOWN']);
    });
  });
});
