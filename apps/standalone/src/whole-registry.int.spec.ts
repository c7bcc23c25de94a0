import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { deployMigrations, RepositoryStore, OrganisationStore } from '@berth/metadata';
import { parseRepositoryName } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import {
  aManifest,
  anImage,
  anIndex,
  basic,
  claimsOf,
  digestOf,
  eventually,
  exchange,
  exchangeBytes,
  randomBlob,
  RegistryClient,
  requestToken,
  startPostgres,
  tempFolder,
  type TestPostgres,
} from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';

jest.setTimeout(60_000);

const ADMIN = { user: 'admin', password: 'correct horse battery' };
/** May pull and push in the organisation `team`, and nothing else. */
const BOB = { user: 'bob', password: ADMIN.password };

const ALL_BUT_DATE = [
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

const LARGEST_BLOB = 1_000_000;

/** The six services in this process, with real rows, real files and real HTTP in front. */
describe(startStandalone, () => {
  const temp = tempFolder();
  let postgres: TestPostgres;
  let registry: Standalone;
  let admin: RegistryClient;
  let bob: RegistryClient;
  let anonymous: RegistryClient;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    const settings = loadSettings({
      BERTH_PORT: '0',
      BERTH_LOG_LEVEL: 'silent',
      BERTH_DATA_DIR: temp.path,
      BERTH_BLOB_STORE: 'filesystem',
      BERTH_DATABASE_URL: url,
      BERTH_SECRET_KEY: 's'.repeat(32),
      BERTH_ADMIN_PASSWORD: ADMIN.password,
      BERTH_MAX_MANIFEST_BYTES: '100000',
      BERTH_MAX_BLOB_BYTES: String(LARGEST_BLOB),
    });
    registry = await startStandalone(settings);
    admin = new RegistryClient(registry.address, ADMIN);
    bob = new RegistryClient(registry.address, BOB);
    anonymous = new RegistryClient(registry.address);
    await makeBob();
  });
  afterAll(async () => {
    await registry.stop();
    await postgres.stop();
    temp.remove();
  });

  async function makeBob(): Promise<void> {
    const { prisma } = registry.host.database!;
    const { id, accountId, passwordHash } = (await prisma.user.findFirst({ where: { name: ADMIN.user } }))!;
    const made = await prisma.user.create({ data: { accountId, name: BOB.user, passwordHash } });
    const team = await prisma.organisation.create({ data: { name: 'team', accountId, creatorId: id } });
    await prisma.organisationPermission.create({ data: { organisationId: team.id, userId: made.id, auth: 3 } });
  }

  const count = async (table: string) => {
    const text = `SELECT count(*)::int AS count FROM ${table}`;
    const rows = await registry.host.database!.rows<{ count: number }>({ name: `count-${table}`, text }, []);
    return rows[0]!.count;
  };

  const pieces = (size: number) => {
    const whole = Buffer.alloc(size, 'berth');
    return Array.from({ length: Math.ceil(size / 65_536) }, (_, n) => whole.subarray(n * 65_536, (n + 1) * 65_536));
  };
  const filesBelow = async (folder: string) =>
    (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

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

  it.each(['single-post', 'post-put', 'chunked', 'stream'] as const)('takes a blob by %s', async (form) => {
    const blob = randomBlob(300_000);
    await admin.pushBlob('team/blobs', blob, form, 100_000);
    expect((await admin.getBlob('team/blobs', blob.digest)).expect(200).bytes.equals(blob.bytes)).toBe(true);
  });

  describe('an upload', () => {
    it('of a chunk that is not as long as it says stores nothing, and goes on', async () => {
      const blob = randomBlob(1_000);
      const session = await admin.startUpload('team/app');
      const wrong = await session.patch(blob.bytes, 0, { headers: { 'content-range': '0-1999' } });
      expect(wrong.expect(400).codes).toEqual(['SIZE_INVALID']);
      expect((await session.status()).expect(204).header('range')).toBe('0-0');
      (await session.patch(blob.bytes.subarray(0, 500), 0)).expect(202);
      (await session.patch(blob.bytes.subarray(500), 600)).expect(416);
      expect((await session.status()).expect(204).header('range')).toBe('0-499');
      (await session.finish(blob.digest, blob.bytes.subarray(500))).expect(201);
    });

    it('cannot be seen, continued, completed or cancelled through another repository', async () => {
      const session = await admin.startUpload('team/app');
      const id = basename(new URL(session.location, registry.address).pathname);
      const blob = randomBlob(10);
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const query: Record<string, string> = method === 'PUT' ? { digest: blob.digest } : {};
        const body = method === 'PATCH' || method === 'PUT' ? blob.bytes : undefined;
        const scopes = ['repository:team/other:pull,push,delete'];
        const answer = await admin.call(method, `/v2/team/other/blobs/uploads/${id}`, scopes, { query, body });
        expect([method, answer.status, answer.codes]).toEqual([method, 404, ['BLOB_UPLOAD_UNKNOWN']]);
      }
      (await session.finish(blob.digest, blob.bytes)).expect(201);
    });

    describe('of another user, who may push there too', () => {
      const methods = async (id: string, headers: Record<string, string>) => {
        const blob = randomBlob(10);
        const answers: [string, number, string[]][] = [];
        for (const method of ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']) {
          const url = `${registry.address}/v2/team/app/blobs/uploads/${id}${method === 'PUT' ? `?digest=${blob.digest}` : ''}`;
          const body = method === 'PATCH' || method === 'PUT' ? blob.bytes : undefined;
          const answer = await exchange({ method, url, headers, body });
          answers.push([method, answer.status, answer.codes]);
        }
        return answers;
      };
      const unknown = ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'].map((method) => [
        method,
        404,
        method === 'HEAD' ? [] : ['BLOB_UPLOAD_UNKNOWN'],
      ]);
      const idOf = ({ location }: { location: string }) => basename(new URL(location, registry.address).pathname);

      it('does not exist, with a token and with a password', async () => {
        const session = await admin.startUpload('team/app');
        const bearer = (await bob.tokenFor(['repository:team/app:pull,push']))!;
        expect(claimsOf(bearer.replace('Bearer ', '')).access?.[0]?.actions).toEqual(['pull', 'push']);
        for (const authorization of [bearer, basic(BOB)]) {
          expect(await methods(idOf(session), { authorization })).toEqual(unknown);
        }
        const blob = randomBlob(10);
        (await session.finish(blob.digest, blob.bytes)).expect(201);
      });

      it('can still be one of their own', async () => {
        const blob = randomBlob(1_000);
        await bob.pushBlob('team/app', blob, 'chunked', 100);
        (await admin.getBlob('team/app', blob.digest)).expect(200);
      });
    });

    describe('whose token ends on the way', () => {
      const HALF_AN_HOUR = 1_800_000;
      // Only the clock moves: what waits for promises and I/O goes on as ever. The database keeps its own time.
      const laterBy = (milliseconds: number) =>
        jest.useFakeTimers({ now: Date.now() + milliseconds, doNotFake: [...ALL_BUT_DATE] });
      afterEach(() => jest.useRealTimers());

      it('goes on with that token, and with no other request', async () => {
        const blob = randomBlob(1_000);
        const session = await admin.startUpload('team/app');
        (await session.patch(blob.bytes.subarray(0, 400), 0)).expect(202);
        const again = await bob.startUpload('team/app');
        laterBy(2 * HALF_AN_HOUR);
        (await session.patch(blob.bytes.subarray(400, 800), 400)).expect(202);
        expect((await session.status()).expect(204).header('range')).toBe('0-799');
        const refused = await admin.postUpload('team/app');
        expect(refused.expect(401).header('www-authenticate')).toContain('error="invalid_token"');
        (await admin.headBlob('team/app', blob.digest)).expect(401);
        (await session.finish(blob.digest, blob.bytes.subarray(800))).expect(201);
        (await again.cancel()).expect(204);
      });

      it('does not go on with one that was started behind its end, nor with one of another user', async () => {
        const session = await admin.startUpload('team/app');
        const other = await bob.startUpload('team/app');
        const token = (await bob.tokenFor(['repository:team/app:pull,push']))!;
        const id = basename(session.location);
        await registry.host.database!.rows(
          {
            name: 'test-later',
            text: `UPDATE storage.upload_session SET started_at = now() + interval '1 hour' WHERE id = $1`,
          },
          [basename(other.location)],
        );
        (await other.status()).expect(204);
        laterBy(2 * HALF_AN_HOUR);
        expect((await other.status()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        expect((await other.cancel()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        const foreign = { method: 'GET', url: `${registry.address}/v2/team/app/blobs/uploads/${id}` };
        (await exchange({ ...foreign, headers: { authorization: token } })).expect(404);
      });

      it('is over a day later', async () => {
        const session = await admin.startUpload('team/app');
        laterBy(86_400_000 + 2 * HALF_AN_HOUR);
        (await session.status()).expect(401);
      });
    });

    it('that was cancelled is gone', async () => {
      const session = await admin.startUpload('team/app');
      (await session.patch(Buffer.from('x'), 0)).expect(202);
      (await session.cancel()).expect(204);
      expect((await session.status()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    });

    it('of other bytes than its digest makes no blob', async () => {
      const before = await count('registry.blob');
      for (const form of ['post-put', 'single-post', 'stream'] as const) {
        const blob = { ...randomBlob(100), digest: randomBlob(100).digest };
        await expect(admin.pushBlob('team/app', blob, form)).rejects.toThrow('DIGEST_INVALID');
      }
      expect(await count('registry.blob')).toBe(before);
    });

    it('in one POST that fails leaves neither session nor bytes', async () => {
      const before = [await count('storage.upload_session'), await filesBelow(temp.path)];
      const blob = randomBlob(10_000);
      const post = { query: { digest: randomBlob(1).digest }, body: blob.bytes };
      expect((await admin.postUpload('team/app', post)).expect(400).codes).toEqual(['DIGEST_INVALID']);
      const stream = { query: { digest: blob.digest }, body: () => Readable.from(pieces(LARGEST_BLOB + 1)) };
      expect((await admin.postUpload('team/app', stream)).expect(413).codes).toEqual(['SIZE_INVALID']);
      const after = async () => [await count('storage.upload_session'), await filesBelow(temp.path)];
      await eventually(async () => isDeepStrictEqual(await after(), before), { what: 'all is as it was' });
    });

    it('that becomes too large is refused wherever it notices, and can go on or be cancelled', async () => {
      const session = await admin.startUpload('team/app');
      const bytes = Buffer.concat(pieces(LARGEST_BLOB));
      (await session.patch(bytes.subarray(0, -10), 0)).expect(202);
      const tooMuch = [
        await session.stream(pieces(20)),
        await session.patch(Buffer.alloc(20), LARGEST_BLOB - 10),
        await session.finish(randomBlob(1).digest, Buffer.alloc(11)),
        await session.patch(Buffer.alloc(LARGEST_BLOB + 1), 0),
      ];
      for (const answer of tooMuch) expect([answer.status, answer.codes]).toEqual([413, ['SIZE_INVALID']]);
      expect((await session.status()).expect(204).header('range')).toBe(`0-${LARGEST_BLOB - 11}`);
      (await session.finish(digestOf(bytes), bytes.subarray(-10))).expect(201);
      const cancelled = await admin.startUpload('team/app');
      (await cancelled.stream(pieces(LARGEST_BLOB + 1))).expect(413);
      (await cancelled.cancel()).expect(204);
    });
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
      const before = [await count('registry.manifest'), await count('registry.repository')];
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
      expect([await count('registry.manifest'), await count('registry.repository')]).toEqual(before);
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
      const organisation = await new OrganisationStore(registry.host.database!).ensure('team', null);
      const { organisationId } = organisation as { organisationId: string };
      await new RepositoryStore(registry.host.database!).create(path, organisationId, true);
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
