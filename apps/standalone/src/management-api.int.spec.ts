import { createHash, createHmac } from 'node:crypto';
import { deployMigrations } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import { signString, stringsToSign } from '@berth/swr';
import {
  basic,
  claimsOf,
  exchange,
  type HttpAnswer,
  requestToken,
  startPostgres,
  tempFolder,
  type TestPostgres,
} from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';
import { DocumentedAnswers } from './testing/documented-answers.js';

jest.setTimeout(60_000);

const PASSWORD = 'correct horse battery';
const REGION = 'here-1';

interface Credential {
  access: string;
  secret: string;
}

/** The management API over real HTTP, with real rows. */
describe('the management API', () => {
  const temp = tempFolder();
  let postgres: TestPostgres;
  let registry: Standalone;
  let database: string;
  /** Two accounts: `admin` with `dev`, and `other` with `eve`. */
  const ids: Record<string, string> = {};
  const tokens: Record<string, string> = {};

  beforeAll(async () => {
    postgres = await startPostgres();
    database = await postgres.createDatabase();
    await deployMigrations(database);
    const settings = loadSettings({
      BERTH_PORT: '0',
      BERTH_LOG_LEVEL: 'silent',
      BERTH_DATA_DIR: temp.path,
      BERTH_BLOB_STORE: 'filesystem',
      BERTH_DATABASE_URL: database,
      BERTH_SECRET_KEY: 's'.repeat(32),
      BERTH_ADMIN_PASSWORD: PASSWORD,
      BERTH_REGION: REGION,
    });
    registry = await startStandalone(settings);
    await makeUsers();
    for (const [account, user] of [
      ['admin', 'admin'],
      ['admin', 'dev'],
      ['other', 'eve'],
    ] as const) {
      const answer = await logIn(account, user, PASSWORD);
      tokens[user] = answer.expect(201).header('x-subject-token')!;
    }
  });
  afterAll(async () => {
    await registry?.stop();
    await postgres?.stop();
    temp.remove();
  });

  async function makeUsers(): Promise<void> {
    const { prisma } = registry.host.database!;
    const admin = await prisma.user.findFirstOrThrow({ where: { name: 'admin' } });
    const { passwordHash, accountId } = admin;
    const dev = await prisma.user.create({ data: { accountId, name: 'dev', passwordHash } });
    const other = await prisma.account.create({
      data: {
        name: 'other',
        organisationQuota: 1,
        projects: { create: { name: REGION } },
        users: { create: { name: 'eve', passwordHash, isAdministrator: true } },
      },
      include: { users: true },
    });
    Object.assign(ids, { admin: admin.id, dev: dev.id, eve: other.users[0]!.id });
  }

  const wire = (user: string) => ids[user]!.replaceAll('-', '');
  const url = (path: string) => registry.address + path;
  const json = (body: unknown) => (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));

  function logIn(account: string, user: string, password: string, scope: object = { project: { name: REGION } }) {
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: account } } } };
    return exchange({ method: 'POST', url: url('/v3/auth/tokens'), body: json({ auth: { identity, scope } }) });
  }

  async function ask(user: string, method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const answer = await exchange({
      method,
      url: url(path),
      headers: { 'x-auth-token': tokens[user]!, 'content-type': 'application/json' },
      ...(body !== undefined && { body: json(body) }),
    });
    return (await DocumentedAnswers.at(registry.address)).hold(method, path, answer);
  }
  const codeOf = (answer: HttpAnswer): string => answer.json<{ error_code: string }>().error_code;

  /** As an SDK signs. */
  async function signed(
    key: Credential,
    method: string,
    path: string,
    body?: unknown,
    { date = new Date(), sent = body, besides = {} }: { date?: Date; sent?: unknown; besides?: object } = {},
  ) {
    const bytes = json(body) ?? Buffer.alloc(0);
    const stamp = date.toISOString().replace(/[-:]|\.\d{3}/g, '');
    const headers = { 'content-type': 'application/json', host: new URL(registry.address).host, 'x-sdk-date': stamp };
    const names = Object.keys(headers).sort();
    const bodySha256 = createHash('sha256').update(bytes).digest('hex');
    const [stringToSign] = stringsToSign({ method, target: path, headers, bodySha256 }, names);
    const signature = signString(key.secret, stringToSign!);
    const authorization = `SDK-HMAC-SHA256 Access=${key.access}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
    const answer = await exchange({
      method,
      url: url(path),
      headers: { ...headers, ...besides, authorization },
      ...(sent !== undefined && { body: json(sent) }),
    });
    return (await DocumentedAnswers.at(registry.address)).hold(method, path, answer);
  }
  async function aKeyOf(user: string): Promise<Credential> {
    const answer = await ask(user, 'POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: { description: 'CI' } });
    return answer.expect(201).json<{ credential: Credential }>().credential;
  }

  describe('IAM tokens', () => {
    it('say whose they are, for which project, and until when', async () => {
      const answer = (await logIn('admin', 'dev', PASSWORD)).expect(201);
      const { token } = answer.json<{ token: Record<string, unknown> }>();
      expect(token).toMatchObject({
        methods: ['password'],
        catalog: [],
        roles: [],
        project: { name: REGION, domain: { name: 'admin' } },
        user: { id: wire('dev'), name: 'dev', domain: { name: 'admin' } },
      });
      const [issued, expires] = [token['issued_at'], token['expires_at']] as [string, string];
      expect(issued).toMatch(/\.\d{6}Z$/);
      expect(Date.parse(expires) - Date.parse(issued)).toBe(86_400_000);
    });

    it('are of the account where no project is asked for', async () => {
      const answer = (await logIn('admin', 'admin', PASSWORD, { domain: { name: 'admin' } })).expect(201);
      expect(answer.json()).toMatchObject({ token: { domain: { name: 'admin' }, roles: [{ name: 'te_admin' }] } });
    });

    it.each([
      ['a wrong password', 'admin', 'dev', 'wrong'],
      ['a user of another account', 'other', 'dev', PASSWORD],
      ['an unknown account', 'nowhere', 'dev', PASSWORD],
    ])('are refused for %s, in the same words', async (_what, account, user, password) => {
      const answer = (await logIn(account, user, password)).expect(401);
      expect(answer.json()).toEqual({
        error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' },
      });
    });

    it('are not given for a project that there is not, which is no wrong password', async () => {
      const answer = (await logIn('admin', 'dev', PASSWORD, { project: { name: 'elsewhere' } })).expect(404);
      expect(answer.json()).toEqual({ error: { code: 404, message: 'there is no such project', title: 'Not Found' } });
    });

    it.each([
      { domain: { name: 'other' } },
      { domain: { name: 'nowhere' } },
      { domain: { id: '1'.repeat(32) } },
      { domain: { name: 'admin', id: '1'.repeat(32) } },
      { project: { name: REGION, domain: { name: 'other' } } },
    ])('are not given for another account, be there one or not: %j', async (scope) => {
      const answer = (await logIn('admin', 'dev', PASSWORD, scope)).expect(403);
      const message = 'the scope names another account than the user’s';
      expect(answer.json()).toEqual({ error: { code: 403, message, title: 'Forbidden' } });
      (await logIn('admin', 'dev', 'wrong', scope)).expect(401);
    });

    it('are given for the user’s own account, by its id, and for a project of it', async () => {
      const { token } = (await logIn('admin', 'dev', PASSWORD)).json<{ token: { user: { domain: { id: string } } } }>();
      const { id } = token.user.domain;
      for (const scope of [{ domain: { id } }, { project: { name: REGION, domain: { id, name: 'admin' } } }]) {
        (await logIn('admin', 'dev', PASSWORD, scope)).expect(201);
      }
      // The project counts where both are given.
      const both = { project: { name: REGION }, domain: { name: 'other' } };
      (await logIn('admin', 'dev', PASSWORD, both)).expect(201);
    });

    it('are not given for a name or a project with a NUL in it', async () => {
      for (const [account, user, scope] of [
        ['admin\0', 'dev', undefined],
        ['admin', 'dev\0', undefined],
        ['admin', 'dev', { project: { name: `${REGION}\0` } }],
      ] as const) {
        (await logIn(account, user, PASSWORD, scope)).expect(400);
      }
      (await ask('dev', 'GET', '/v3/projects?name=%00')).expect(400);
    });

    it.each(['', '{', '[]', 'null', '{"auth":{}}', '{"auth":{"identity":{"methods":["token"]}}}'])(
      'are refused for the body %s',
      async (body) => {
        const answer = await exchange({ method: 'POST', url: url('/v3/auth/tokens'), body: Buffer.from(body) });
        expect(answer.expect(400).json()).toMatchObject({ error: { code: 400, title: 'Bad Request' } });
      },
    );

    it('are no bearer tokens of the registry, and bearer tokens are none of theirs', async () => {
      const bearer = { authorization: `Bearer ${tokens['admin']!}` };
      (await exchange({ method: 'GET', url: url('/v2/'), headers: bearer })).expect(401);
      const credentials = { user: 'admin', password: PASSWORD };
      const answer = await requestToken({ realm: url('/auth/token'), service: 'berth', credentials });
      const { token } = answer.expect(200).json<{ token: string }>();
      const used = await exchange({
        method: 'GET',
        url: url('/v2/manage/namespaces'),
        headers: { 'x-auth-token': token },
      });
      expect(codeOf(used.expect(401))).toBe('SVCSTG.SWR.4010000');
    });

    it('tell projects and account', async () => {
      const projects = (await ask('dev', 'GET', `/v3/projects?name=${REGION}`)).expect(200);
      expect(projects.json()).toMatchObject({ projects: [{ name: REGION, enabled: true }] });
      expect((await ask('dev', 'GET', '/v3/projects?name=elsewhere')).expect(200).json()).toMatchObject({
        projects: [],
      });
      const domains = (await ask('dev', 'GET', '/v3/auth/domains')).expect(200);
      expect(domains.json()).toMatchObject({ domains: [{ name: 'admin', enabled: true }] });
      (await exchange({ method: 'GET', url: url('/v3/projects') })).expect(401);
    });
  });

  describe('access keys', () => {
    it('sign requests, a GET with a body too', async () => {
      const key = await aKeyOf('dev');
      expect(key.access).toMatch(/^[A-Z0-9]{20}$/);
      (await signed(key, 'GET', '/v2/manage/namespaces')).expect(200);
      (await signed(key, 'GET', '/v3/projects?name=x&limit=1', {})).expect(200);
    });

    it('sign nothing with another secret, an old date, or a body that was changed', async () => {
      const key = await aKeyOf('dev');
      const refused = async (attempt: Promise<HttpAnswer>) =>
        expect(codeOf((await attempt).expect(401))).toBe('APIGW.0301');
      const path = '/v2/manage/namespaces';
      await refused(signed({ ...key, secret: 'other' }, 'GET', path));
      await refused(signed({ ...key, access: 'A'.repeat(20) }, 'GET', path));
      await refused(signed(key, 'GET', path, undefined, { date: new Date(Date.now() - 16 * 60_000) }));
      const meant = { namespace: 'meant' };
      await refused(signed(key, 'POST', path, meant, { sent: { namespace: 'forged' } }));
      const honest = createHash('sha256').update(JSON.stringify(meant)).digest('hex');
      for (const hash of [honest, 'UNSIGNED-PAYLOAD']) {
        const besides = { 'x-sdk-content-sha256': hash };
        await refused(signed(key, 'POST', path, meant, { sent: { namespace: 'forged' }, besides }));
      }
    });

    it('log docker in, by project and key', async () => {
      const { access, secret } = await aKeyOf('dev');
      const password = createHmac('sha256', secret).update(access).digest('hex');
      const token = (user: string, key: string) =>
        requestToken({ realm: url('/auth/token'), service: 'berth', credentials: { user, password: key } });
      (await token(`${REGION}@${access}`, password)).expect(200);
      (await token(`elsewhere@${access}`, password)).expect(401);
      (await token(`${REGION}@${access}`, secret)).expect(401);
    });

    it('end at once where they are disabled or removed', async () => {
      const key = await aKeyOf('dev');
      const path = `/v3.0/OS-CREDENTIAL/credentials/${key.access}`;
      (await ask('dev', 'PUT', path, { credential: { status: 'inactive' } })).expect(200);
      (await signed(key, 'GET', '/v2/manage/namespaces')).expect(401);
      (await ask('dev', 'PUT', path, { credential: { status: 'active' } })).expect(200);
      (await signed(key, 'GET', '/v2/manage/namespaces')).expect(200);
      (await ask('dev', 'DELETE', path)).expect(204);
      (await signed(key, 'GET', '/v2/manage/namespaces')).expect(401);
      (await ask('dev', 'DELETE', path)).expect(404);
    });

    it('are managed by their user and by administrators of its account, and by nobody else', async () => {
      const keys = '/v3.0/OS-CREDENTIAL/credentials';
      const { access } = await aKeyOf('dev');
      const listed = (await ask('admin', 'GET', `${keys}?user_id=${wire('dev')}`)).expect(200);
      expect(listed.json<{ credentials: Credential[] }>().credentials.map((one) => one.access)).toContain(access);
      expect(listed.text).not.toContain('secret');
      (await ask('dev', 'GET', `${keys}?user_id=${wire('admin')}`)).expect(403);
      (await ask('eve', 'GET', `${keys}?user_id=${wire('dev')}`)).expect(403);
      (await ask('eve', 'POST', keys, { credential: { user_id: wire('dev') } })).expect(403);
      (await ask('eve', 'DELETE', `${keys}/${access}`)).expect(404);
      (await ask('admin', 'DELETE', `${keys}/${access}`)).expect(204);
    });
  });

  describe('a temporary docker login', () => {
    const SECRET = '/v2/manage/utils/secret';
    const hostOf = () => new URL(registry.address).host;
    async function make(user: string, query = '') {
      const answer = (await ask(user, 'POST', SECRET + query)).expect(200);
      const command = answer.header('x-swr-dockerlogin')!;
      const [, username, password, host] = /^docker login -u (\S+) -p ([0-9a-f]{64}) (\S+)$/.exec(command)!;
      const accessKey = username!.split('@')[1]!;
      return { answer, credentials: { user: username!, password: password! }, host, accessKey };
    }
    const token = (credentials: { user: string; password: string }, query: Record<string, string> = {}) => {
      const target = `${url('/auth/token')}?${new URLSearchParams(query).toString()}`;
      return exchange({ method: 'GET', url: target, headers: { authorization: basic(credentials) } });
    };
    const endsIn = (accessKey: string, seconds: number) =>
      registry.host.database!.prisma.accessKey.update({
        where: { id: accessKey },
        data: { expiresAt: new Date(Date.now() + seconds * 1000) },
      });

    it('comes as a command and as what docker keeps, with its end, and is kept by nobody between', async () => {
      const { answer, credentials, host } = await make('dev');
      expect(host).toBe(hostOf());
      expect(credentials.user).toMatch(new RegExp(`^${REGION}@[A-Z0-9]{20}$`));
      const auth = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
      expect(answer.json()).toEqual({ auths: { [hostOf()]: { auth } } });
      expect(answer.header('content-type')).toMatch(/^application\/json/);
      expect(answer.header('cache-control')).toBe('no-store');
      const end = answer.header('x-swr-expireat')!;
      expect(end).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      expect(Date.parse(end) - Date.now()).toBeGreaterThan(86_300_000);
      expect(Date.parse(end) - Date.now()).toBeLessThanOrEqual(86_400_000);
    });

    it('takes the body that SDKs send, names the host that was asked, and lasts as long as is wished for', async () => {
      const headers = {
        'x-auth-token': tokens['dev']!,
        'content-type': 'application/json',
        host: 'registry.example:443',
      };
      const path = `${SECRET}?projectname=${REGION}&duration_seconds=900`;
      const answer = (await exchange({ method: 'POST', url: url(path), headers, body: json({}) })).expect(200);
      expect(Object.keys(answer.json<{ auths: object }>().auths)).toEqual(['registry.example:443']);
      expect(answer.header('x-swr-dockerlogin')).toMatch(/ registry\.example:443$/);
      const left = Date.parse(answer.header('x-swr-expireat')!) - Date.now();
      expect(left).toBeGreaterThan(800_000);
      expect(left).toBeLessThanOrEqual(900_000);
    });

    it.each([
      ['?projectname=elsewhere'],
      [`?projectname=${'x'.repeat(300)}`],
      ['?projectname=%00'],
      ['?duration_seconds=899'],
      ['?duration_seconds=86401'],
      ['?duration_seconds=-900'],
      ['?duration_seconds=1e3'],
      ['?duration_seconds=soon'],
    ])('is not made for %s', async (query) => {
      expect(codeOf((await ask('dev', 'POST', SECRET + query)).expect(400))).toBe('SVCSTG.SWR.4001025');
    });

    it('needs credentials, and is made by POST alone', async () => {
      expect(codeOf((await exchange({ method: 'POST', url: url(SECRET) })).expect(401))).toBe('SVCSTG.S2I.4019000');
      expect((await ask('dev', 'GET', SECRET)).expect(405).header('allow')).toBe('POST');
    });

    it('logs docker in, and what that gives ends with it: no refresh token, no longer bearer token', async () => {
      const { credentials, accessKey } = await make('dev');
      const issued = (await token(credentials, { offline_token: 'true' })).expect(200).json<Record<string, unknown>>();
      expect(issued['expires_in']).toBe(1800);
      expect(issued).not.toHaveProperty('refresh_token');
      (await exchange({ method: 'GET', url: url('/v2/'), headers: { authorization: basic(credentials) } })).expect(200);

      await endsIn(accessKey, 120);
      const last = (await token(credentials)).expect(200).json<{ token: string; expires_in: number }>();
      expect(last.expires_in).toBeGreaterThan(60);
      expect(last.expires_in).toBeLessThanOrEqual(120);
      const { exp, iat } = claimsOf(last.token) as { exp: number; iat: number };
      expect(exp - iat).toBe(last.expires_in);

      await endsIn(accessKey, -1);
      (await token(credentials)).expect(401);
    });

    it('ends with its user, and where it is removed', async () => {
      const { prisma } = registry.host.database!;
      const { credentials, accessKey } = await make('dev');
      await prisma.user.update({ where: { id: ids['dev']! }, data: { disabledAt: new Date() } });
      const ofDisabled = await token(credentials);
      await prisma.user.update({ where: { id: ids['dev']! }, data: { disabledAt: null } });
      ofDisabled.expect(401);
      (await token(credentials)).expect(200);
      (await ask('dev', 'DELETE', `/v3.0/OS-CREDENTIAL/credentials/${accessKey}`)).expect(204);
      (await token(credentials)).expect(401);
    });

    it('is an access key that nobody sees, counts or signs with', async () => {
      const { accessKey, credentials } = await make('dev');
      const listed = (await ask('dev', 'GET', '/v3.0/OS-CREDENTIAL/credentials')).expect(200);
      expect(listed.text).not.toContain(accessKey);
      const refused = await signed({ access: accessKey, secret: credentials.password }, 'GET', '/v2/manage/namespaces');
      expect(codeOf(refused.expect(401))).toBe('APIGW.0301');
      const { prisma } = registry.host.database!;
      const permanent = await aKeyOf('dev');
      await prisma.accessKey.update({
        where: { id: permanent.access },
        data: { expiresAt: new Date(Date.now() + 60_000) },
      });
      const right = await signed(permanent, 'GET', '/v2/manage/namespaces');
      expect(codeOf(right.expect(401))).toBe('APIGW.0301');
    });
  });

  describe('accelerators', () => {
    it('are the registry itself, under both spellings', async () => {
      const { host } = new URL(registry.address);
      const accountId = (await ask('dev', 'GET', '/v3/auth/domains')).json<{ domains: { id: string }[] }>().domains[0]!
        .id;
      for (const spelling of ['accelerator', 'accelerators']) {
        const answer = (await ask('dev', 'GET', `/v2/manage/domain/${accountId}/${spelling}`)).expect(200);
        expect(answer.json()).toEqual({ dockerhub_accelerator: host, gcr_accelerator: host });
      }
    });

    it('of another account are refused as those of none', async () => {
      const other = (await ask('eve', 'GET', '/v3/auth/domains')).json<{ domains: { id: string }[] }>().domains[0]!.id;
      const answers = [];
      for (const account of [other, '0'.repeat(32), 'nonsense', '%00', 'x'.repeat(2_000)]) {
        const answer = await ask('dev', 'GET', `/v2/manage/domain/${account}/accelerator`);
        answers.push([answer.status, answer.text]);
        expect(codeOf(answer)).toBe('SVCSTG.SWR.4039001');
      }
      expect(new Set(answers.map(String)).size).toBe(1);
      expect(answers[0]![0]).toBe(403);
    });
  });

  describe('wrong passwords', () => {
    it('are slowed, in the words of whoever is asked, and no other user is', async () => {
      const password = () => `wrong ${Math.random()}`;
      for (let n = 0; n < 5; n++) (await logIn('admin', 'nobody', password())).expect(401);
      await registry.host.database!.rows(
        { name: 'test-hold', text: `UPDATE auth.login_failure SET last_at = last_at + interval '1000 seconds'` },
        [],
      );
      const iam = (await logIn('admin', 'nobody', password())).expect(429);
      expect(iam.json()).toEqual({
        error: { code: 429, message: 'too many failed logins', title: 'Too Many Requests' },
      });
      const authorization = basic({ user: 'admin/nobody', password: password() });
      const docker = await exchange({ method: 'GET', url: url('/auth/token'), headers: { authorization } });
      const direct = await exchange({ method: 'GET', url: url('/v2/'), headers: { authorization } });
      for (const answer of [iam, docker, direct]) {
        expect(answer.status).toBe(429);
        expect(Number(answer.header('retry-after'))).toBeGreaterThan(0);
      }
      for (const answer of [docker, direct]) expect(answer.codes).toEqual(['TOOMANYREQUESTS']);
      (await logIn('admin', 'dev', PASSWORD)).expect(201);
    });
  });

  describe('organisations', () => {
    it('are made, shown, listed and deleted', async () => {
      const made = (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'shown' })).expect(201);
      expect(made.json()).toEqual({});
      expect(made.header('content-type')).toMatch(/^application\/json/);
      const shown = (await ask('admin', 'GET', '/v2/manage/namespaces/shown')).expect(200).json<{ id: number }>();
      expect(shown).toEqual({ id: expect.any(Number), name: 'shown', creator_name: 'admin', auth: 7 });
      const listed = await ask('admin', 'GET', '/v2/manage/namespaces?filter=namespace::shown');
      expect(listed.expect(200).json()).toEqual({ namespaces: [shown] });
      (await ask('admin', 'DELETE', '/v2/manage/namespaces/shown')).expect(204);
      expect(codeOf((await ask('admin', 'GET', '/v2/manage/namespaces/shown')).expect(404))).toBe('SVCSTG.SWR.4040058');
    });

    it('are one per name, whosever, and as many as the quota allows', async () => {
      (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'taken' })).expect(201);
      const again = (await ask('eve', 'POST', '/v2/manage/namespaces', { namespace: 'taken' })).expect(409);
      expect(codeOf(again)).toBe('SVCSTG.SWR.4090060');
      (await ask('eve', 'POST', '/v2/manage/namespaces', { namespace: 'eves' })).expect(201);
      const beyond = (await ask('eve', 'POST', '/v2/manage/namespaces', { namespace: 'eves2' })).expect(400);
      expect(codeOf(beyond)).toBe('SVCSTG.SWR.4000097');
    });

    it.each([
      [{}, '4001014'],
      [{ namespace: 7 }, '4001028'],
      [{ namespace: 'Upper' }, '4001028'],
      [{ namespace: 'manage' }, '4001028'],
      [[], '4001018'],
      ['text', '4001018'],
    ])('are not made of %j', async (body, code) => {
      const answer = (await ask('admin', 'POST', '/v2/manage/namespaces', body)).expect(400);
      expect(codeOf(answer)).toBe(`SVCSTG.SWR.${code}`);
    });

    it('of others are not there, whatever is asked', async () => {
      (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'hidden' })).expect(201);
      const grant = [{ user_id: wire('eve'), user_name: 'eve', auth: 7 }];
      for (const user of ['eve', 'dev']) {
        for (const [method, path, body] of [
          ['GET', '', undefined],
          ['DELETE', '', undefined],
          ['GET', '/access', undefined],
          ['POST', '/access', grant],
          ['PATCH', '/access', grant],
          ['DELETE', '/access', [wire('eve')]],
        ] as const) {
          const real = await ask(user, method, `/v2/manage/namespaces/hidden${path}`, body);
          const none = await ask(user, method, `/v2/manage/namespaces/nothing${path}`, body);
          expect([real.status, real.text]).toEqual([404, none.text]);
        }
      }
      expect((await ask('admin', 'GET', '/v2/manage/namespaces/hidden')).status).toBe(200);
    });
  });

  describe('permissions', () => {
    it('decide what a user may do, from the next request on', async () => {
      const path = '/v2/manage/namespaces/shared';
      const auth = (level: number) => [{ user_id: wire('dev'), user_name: 'dev', auth: level }];
      (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'shared' })).expect(201);
      (await ask('dev', 'GET', path)).expect(404);

      expect((await ask('admin', 'POST', `${path}/access`, auth(1))).expect(201).json()).toEqual({});
      expect((await ask('dev', 'GET', path)).expect(200).json()).toMatchObject({ auth: 1 });
      expect(codeOf((await ask('dev', 'DELETE', path)).expect(403))).toBe('SVCSTG.SWR.4037017');
      expect((await ask('admin', 'GET', `${path}/access`)).expect(200).json()).toMatchObject({
        name: 'shared',
        self_auth: { user_name: 'admin', auth: 7 },
        others_auths: auth(1),
      });

      (await ask('admin', 'PATCH', `${path}/access`, auth(7))).expect(201);
      const own = (await ask('dev', 'GET', `${path}/access`)).expect(200);
      expect(own.json()).toMatchObject({ self_auth: auth(7)[0], others_auths: [] });

      (await ask('dev', 'DELETE', `${path}/access`, [wire('dev')])).expect(204);
      (await ask('dev', 'GET', path)).expect(404);
    });

    it('take nothing from an administrator of the account, who is shown what it may do', async () => {
      const path = '/v2/manage/namespaces/administered';
      (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'administered' })).expect(201);
      const granted = [{ user_id: wire('admin'), user_name: 'admin', auth: 1 }];
      (await ask('admin', 'POST', `${path}/access`, granted)).expect(201);
      const access = (await ask('admin', 'GET', `${path}/access`)).expect(200);
      expect(access.json()).toMatchObject({ self_auth: { user_name: 'admin', auth: 7 }, others_auths: [] });
      expect((await ask('admin', 'GET', path)).expect(200).json()).toMatchObject({ auth: 7 });
      (await ask('admin', 'DELETE', path)).expect(204);
    });

    it.each<[string, () => unknown]>([
      ['an empty list', () => []],
      ['no list', () => ({})],
      ['another level', () => [{ user_id: wire('dev'), user_name: 'dev', auth: 5 }]],
      ['a user twice', () => [1, 3].map((auth) => ({ user_id: wire('dev'), user_name: 'dev', auth }))],
    ])('are not given for %s', async (_what, given) => {
      await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'refusing' });
      (await ask('admin', 'POST', '/v2/manage/namespaces/refusing/access', given())).expect(400);
    });
  });

  describe('anything else', () => {
    it('is 404 in this dialect, and another method 405', async () => {
      expect(codeOf((await ask('admin', 'GET', '/v2/manage/nothing')).expect(404))).toBe('SVCSTG.SWR.4040083');
      const answer = (await ask('admin', 'PUT', '/v2/manage/namespaces')).expect(405);
      expect(answer.header('allow')).toBe('GET, POST');
    });

    it('that looks like a push is told in the words of the registry that there is no such name', async () => {
      for (const path of ['/v2/manage/app/blobs/uploads/', '/v2/manage/blobs/uploads/']) {
        const answer = await exchange({ method: 'POST', url: url(path) });
        expect(answer.expect(400).codes).toEqual(['NAME_INVALID']);
      }
    });

    it('needs credentials', async () => {
      const answer = await exchange({ method: 'GET', url: url('/v2/manage/namespaces') });
      expect(codeOf(answer.expect(401))).toBe('SVCSTG.S2I.4019000');
      expect(answer.header('x-request-id')).toBeTruthy();
    });

    it('but the versions, which a slash tells from the registry', async () => {
      const version = { id: 'v2', links: { rel: 'self' }, status: 'CURRENT' };
      expect((await exchange({ method: 'GET', url: url('/v2') })).expect(200).json()).toMatchObject({ version });
      expect((await exchange({ method: 'GET', url: url('/') })).expect(200).json()).toMatchObject({
        versions: [version],
      });
      (await exchange({ method: 'GET', url: url('/v2/') })).expect(401);
    });

    it('of a name that is longer than any finds nothing', async () => {
      const long = 'x'.repeat(300);
      const shown = await ask('admin', 'GET', `/v2/manage/namespaces/${long}`);
      expect(codeOf(shown.expect(404))).toBe('SVCSTG.SWR.4040058');
      const listed = await ask('admin', 'GET', `/v2/manage/namespaces?namespace=${long}`);
      expect(listed.expect(200).json()).toEqual({ namespaces: [] });
      expect((await ask('admin', 'GET', `/v3/projects?name=${long}`)).expect(200).json()).toMatchObject({
        projects: [],
      });
    });

    it('is not read beyond a megabyte', async () => {
      const answer = await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'x'.repeat(1_100_000) });
      expect(codeOf(answer.expect(413))).toBe('SVCSTG.SWR.4131001');
    });

    it('ends with the user: a disabled one is nobody at once', async () => {
      const { prisma } = registry.host.database!;
      await prisma.user.update({ where: { id: ids['eve']! }, data: { disabledAt: new Date() } });
      (await ask('eve', 'GET', '/v2/manage/namespaces')).expect(401);
      await prisma.user.update({ where: { id: ids['eve']! }, data: { disabledAt: null } });
      (await ask('eve', 'GET', '/v2/manage/namespaces')).expect(200);
    });
  });
});
