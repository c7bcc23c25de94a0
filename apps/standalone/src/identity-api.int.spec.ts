import { createHmac } from 'node:crypto';
import { deployMigrations } from '@berth/metadata';
import { loadSettings, signOperatorToken } from '@berth/platform';
import { exchange, type HttpAnswer, requestToken, startPostgres, tempFolder, type TestPostgres } from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';
import { DocumentedAnswers } from './testing/documented-answers.js';

jest.setTimeout(60_000);

const PASSWORD = 'correct horse battery';
const KEY = 's'.repeat(32);
const REGION = 'here-1';

interface Entity {
  id: string;
  name: string;
  enabled: boolean;
  organisation_quota: number | null;
  domain_id: string;
}

/** Accounts, users and projects over real HTTP, with real rows. */
describe('the administration of identities', () => {
  const temp = tempFolder();
  let postgres: TestPostgres;
  let registry: Standalone;
  /** `admin` is the operator, `dev` a user of the first account; `boss` administers `other`, `eve` is a user of it. */
  const tokens: Record<string, string> = {};
  const users: Record<string, Entity> = {};
  let first: string;
  let other: Entity;

  beforeAll(async () => {
    postgres = await startPostgres();
    const database = await postgres.createDatabase();
    await deployMigrations(database);
    registry = await startStandalone(
      loadSettings({
        BERTH_PORT: '0',
        BERTH_LOG_LEVEL: 'silent',
        BERTH_DATA_DIR: temp.path,
        BERTH_BLOB_STORE: 'filesystem',
        BERTH_DATABASE_URL: database,
        BERTH_SECRET_KEY: KEY,
        BERTH_ADMIN_PASSWORD: PASSWORD,
        BERTH_REGION: REGION,
      }),
    );
    tokens['admin'] = await tokenOf('admin', 'admin');
    const domains = (await ask('admin', 'GET', '/v3/auth/domains')).json<{ domains: Entity[] }>();
    first = domains.domains[0]!.id;
    other = await account('other');
    users['dev'] = await user('dev');
    users['boss'] = await user('boss', { domain_id: other.id, is_administrator: true });
    users['eve'] = await user('eve', { domain_id: other.id });
    tokens['dev'] = await tokenOf('admin', 'dev');
    tokens['boss'] = await tokenOf('other', 'boss');
    tokens['eve'] = await tokenOf('other', 'eve');
  });
  afterAll(async () => {
    await registry?.stop();
    await postgres?.stop();
    temp.remove();
  });

  const url = (path: string) => registry.address + path;
  const json = (body: unknown) => (body === undefined ? undefined : Buffer.from(JSON.stringify(body)));

  /** Also holds the answer against the OpenAPI document. */
  async function ask(who: string, method: string, path: string, body?: unknown, headers = {}): Promise<HttpAnswer> {
    const answer = await exchange({
      method,
      url: url(path),
      headers: { 'x-auth-token': tokens[who] ?? who, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: Buffer.isBuffer(body) ? body : json(body)! }),
    });
    return (await DocumentedAnswers.at(registry.address)).hold(method, path, answer);
  }

  async function logIn(
    account: string,
    name: string,
    password = PASSWORD,
    scope: object = { project: { name: REGION } },
  ): Promise<HttpAnswer> {
    const identity = { methods: ['password'], password: { user: { name, password, domain: { name: account } } } };
    return exchange({ method: 'POST', url: url('/v3/auth/tokens'), body: json({ auth: { identity, scope } }) });
  }
  const tokenOf = async (account: string, name: string, password?: string) =>
    (await logIn(account, name, password)).expect(201).header('x-subject-token')!;

  async function account(name: string): Promise<Entity> {
    const answer = await ask('admin', 'POST', '/v3/domains', { domain: { name, description: 'for a test' } });
    return answer.expect(201).json<{ domain: Entity }>().domain;
  }
  async function user(name: string, fields: object = {}, who = 'admin'): Promise<Entity> {
    const answer = await ask(who, 'POST', '/v3/users', { user: { name, password: PASSWORD, ...fields } });
    return answer.expect(201).json<{ user: Entity }>().user;
  }
  const errorOf = (answer: HttpAnswer) => answer.json<{ error: { code: number; message: string } }>().error;
  const namesIn = (answer: HttpAnswer, key: string) =>
    answer
      .expect(200)
      .json<Record<string, Entity[]>>()
      [key]!.map(({ name }) => name);

  describe('accounts', () => {
    it('get the project of the region and a quota of five organisations', async () => {
      expect(other).toMatchObject({ name: 'other', description: 'for a test', enabled: true, organisation_quota: 5 });
      expect(other.id).toMatch(/^[0-9a-f]{32}$/);
      expect(namesIn(await ask('boss', 'GET', '/v3/projects'), 'projects')).toEqual([REGION]);
      for (let n = 1; n <= 5; n++) {
        (await ask('boss', 'POST', '/v2/manage/namespaces', { namespace: `other-${n}` })).expect(201);
      }
      const sixth = { namespace: 'other-6' };
      (await ask('boss', 'POST', '/v2/manage/namespaces', sixth)).expect(400);
      const path = `/v3/domains/${other.id}`;
      const changed = await ask('admin', 'PATCH', path, { domain: { organisation_quota: 6 } });
      expect(changed.expect(200).json()).toMatchObject({
        domain: { organisation_quota: 6, description: 'for a test' },
      });
      (await ask('boss', 'POST', '/v2/manage/namespaces', sixth)).expect(201);
      const unlimited = await ask('admin', 'PATCH', path, { domain: { organisation_quota: null } });
      expect(unlimited.expect(200).json()).toMatchObject({ domain: { organisation_quota: null } });
    });

    it('are listed by name, page by page', async () => {
      for (const name of ['page-c', 'page-a', 'page-b']) await account(name);
      const seen: string[] = [];
      let path: string | null = '/v3/domains?limit=2&marker=page';
      while (path !== null) {
        const answer: HttpAnswer = await ask('admin', 'GET', path);
        const names = namesIn(answer, 'domains');
        expect(names.length).toBeLessThanOrEqual(2);
        seen.push(...names);
        const { next } = answer.json<{ links: { next: string | null } }>().links;
        path = next && next.slice(registry.address.length);
      }
      expect(seen).toEqual(['page-a', 'page-b', 'page-c']);
      expect(namesIn(await ask('admin', 'GET', '/v3/domains?name=page-b'), 'domains')).toEqual(['page-b']);
      expect(namesIn(await ask('admin', 'GET', '/v3/domains?name=nothing'), 'domains')).toEqual([]);
    });

    it.each(['limit=0', 'limit=1001', 'limit=x', 'limit=-1', 'marker=%00', 'name=%00'])(
      'are not listed with %s',
      async (query) => {
        (await ask('admin', 'GET', `/v3/domains?${query}`)).expect(400);
      },
    );

    it('are one per name, also when several ask at once', async () => {
      const body = { domain: { name: 'contested' } };
      const answers = await Promise.all([1, 2, 3, 4].map(() => ask('admin', 'POST', '/v3/domains', body)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    });

    it('stop all of their users when they are disabled, until they are enabled', async () => {
      const team = await account('team');
      const ann = await user('ann', { domain_id: team.id, is_administrator: true });
      tokens['ann'] = await tokenOf('team', 'ann');
      const key = (await ask('ann', 'POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).expect(201);
      const { access, secret } = key.json<{ credential: { access: string; secret: string } }>().credential;
      const byPassword = { user: 'team/ann', password: PASSWORD };
      const password = createHmac('sha256', secret).update(access).digest('hex');
      const byKey = { user: `${REGION}@${access}`, password };
      const bearer = async (credentials: { user: string; password: string }) =>
        (await requestToken({ realm: url('/auth/token'), service: 'berth', credentials })).status;
      expect([await bearer(byPassword), await bearer(byKey)]).toEqual([200, 200]);

      const path = `/v3/domains/${team.id}`;
      const disabled = await ask('admin', 'PATCH', path, { domain: { enabled: false } });
      expect(disabled.expect(200).json()).toMatchObject({ domain: { enabled: false } });
      expect([await bearer(byPassword), await bearer(byKey)]).toEqual([401, 401]);
      (await ask('ann', 'GET', '/v2/manage/namespaces')).expect(401);
      (await logIn('team', 'ann')).expect(401);
      (await ask('admin', 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': tokens['ann'] })).expect(404);
      const shown = await ask('admin', 'GET', `/v3/users/${ann.id}`);
      expect(shown.expect(200).json()).toMatchObject({ user: { enabled: true } });

      (await ask('admin', 'PATCH', path, { domain: { enabled: true } })).expect(200);
      expect([await bearer(byPassword), await bearer(byKey)]).toEqual([200, 200]);
      (await ask('ann', 'GET', '/v2/manage/namespaces')).expect(200);
    });

    it('can all be disabled but the first one', async () => {
      const answer = await ask('admin', 'PATCH', `/v3/domains/${first}`, { domain: { enabled: false } });
      answer.expect(409);
      (await ask('admin', 'GET', '/v3/domains')).expect(200);
    });

    it.each<[string, unknown]>([
      ['no name', { domain: {} }],
      ['a slash', { domain: { name: 'a/b' } }],
      ['an at sign', { domain: { name: 'a@b' } }],
      ['a name of 65', { domain: { name: 'x'.repeat(65) } }],
      ['a number', { domain: { name: 7 } }],
      ['a description too long', { domain: { name: 'fine', description: 'x'.repeat(256) } }],
      ['a NUL', { domain: { name: 'fine', description: 'a\0b' } }],
      ['enabled as text', { domain: { name: 'fine', enabled: 'yes' } }],
      ['no object', { domain: [] }],
      ['no JSON', Buffer.from('{')],
    ])('are not made with %s', async (_what, body) => {
      (await ask('admin', 'POST', '/v3/domains', body)).expect(400);
      expect(namesIn(await ask('admin', 'GET', '/v3/domains?name=fine'), 'domains')).toEqual([]);
    });

    it.each([{}, { name: 'renamed' }, { organisation_quota: -1 }, { organisation_quota: '5' }, { enabled: 1 }])(
      'are not changed by %j',
      async (domain) => {
        (await ask('admin', 'PATCH', `/v3/domains/${other.id}`, { domain })).expect(400);
      },
    );

    it('are for operators alone, and nobody else learns which there are', async () => {
      for (const who of ['dev', 'boss', 'eve']) {
        (await ask(who, 'POST', '/v3/domains', { domain: { name: 'mine' } })).expect(403);
        (await ask(who, 'GET', '/v3/domains')).expect(403);
        for (const id of [first, '0'.repeat(32)]) {
          (await ask(who, 'GET', `/v3/domains/${id}`)).expect(403);
          (await ask(who, 'PATCH', `/v3/domains/${id}`, { domain: { enabled: false } })).expect(403);
        }
      }
      (await ask('admin', 'GET', `/v3/domains/${'0'.repeat(32)}`)).expect(404);
      (await ask('admin', 'GET', '/v3/domains/none')).expect(404);
      (await ask('nobody', 'GET', '/v3/domains')).expect(401);
    });
  });

  describe('users', () => {
    it('are shown without their password', async () => {
      const answer = await ask('boss', 'GET', `/v3/users/${users['eve']!.id}`);
      expect(answer.expect(200).json()).toMatchObject({
        user: { name: 'eve', domain_id: other.id, enabled: true, is_administrator: false, description: '' },
      });
      expect(answer.text).not.toMatch(/scrypt|hash/);
      (await ask('eve', 'GET', `/v3/users/${users['eve']!.id}`)).expect(200);
      (await ask('admin', 'GET', `/v3/users/${users['eve']!.id}`)).expect(200);
    });

    it('are listed of an account, page by page', async () => {
      const query = `domain_id=${other.id}&limit=1`;
      expect(namesIn(await ask('admin', 'GET', `/v3/users?${query}`), 'users')).toEqual(['boss']);
      const second = await ask('admin', 'GET', `/v3/users?${query}&marker=boss`);
      expect(namesIn(second, 'users')).toEqual(['eve']);
      expect(second.json()).toMatchObject({ links: { next: null } });
      expect(namesIn(await ask('boss', 'GET', '/v3/users'), 'users')).toEqual(['boss', 'eve']);
      expect(namesIn(await ask('boss', 'GET', '/v3/users?name=eve'), 'users')).toEqual(['eve']);
      (await ask('admin', 'GET', '/v3/users?domain_id=none')).expect(400);
    });

    it('are one per name in an account, also when several ask at once', async () => {
      const body = { user: { name: 'contested', password: PASSWORD } };
      const answers = await Promise.all([1, 2, 3].map(() => ask('boss', 'POST', '/v3/users', body)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
      (await ask('admin', 'POST', '/v3/users', body)).expect(201);
    });

    it('can do nothing while they are disabled', async () => {
      const { id } = await user('idle', {}, 'boss');
      const idle = await tokenOf('other', 'idle');
      const path = `/v3/users/${id}`;
      expect((await ask('boss', 'PATCH', path, { user: { enabled: false } })).json()).toMatchObject({
        user: { enabled: false },
      });
      (await ask(idle, 'GET', '/v3/projects')).expect(401);
      (await logIn('other', 'idle')).expect(401);
      (await ask('boss', 'PATCH', path, { user: { enabled: true } })).expect(200);
      (await ask(idle, 'GET', '/v3/projects')).expect(200);
      (await logIn('other', 'idle')).expect(201);
    });

    it('are made disabled where that is asked for', async () => {
      await user('later', { enabled: false, description: 'from May on' }, 'boss');
      (await logIn('other', 'later')).expect(401);
    });

    it('get a new password from an administrator, and the old one ends', async () => {
      const { id } = await user('forgetful', {}, 'boss');
      const changed = { user: { password: 'another password' } };
      (await ask('boss', 'PATCH', `/v3/users/${id}`, changed)).expect(200);
      (await logIn('other', 'forgetful')).expect(401);
      (await logIn('other', 'forgetful', 'another password')).expect(201);
    });

    it('change their own password, where they know the one before', async () => {
      const { id } = await user('careful', {}, 'boss');
      let careful = await tokenOf('other', 'careful');
      const change = (original_password: string, password: string, of = id) =>
        ask(careful, 'POST', `/v3/users/${of}/password`, { user: { original_password, password } });
      (await change('wrong password', 'another password')).expect(401);
      (await change(PASSWORD, 'short')).expect(400);
      (await logIn('other', 'careful')).expect(201);
      (await change(PASSWORD, 'another password')).expect(204);
      (await logIn('other', 'careful')).expect(401);
      (await logIn('other', 'careful', 'another password')).expect(201);
      (await ask(careful, 'GET', '/v3/projects')).expect(401);
      careful = await tokenOf('other', 'careful', 'another password');
      const others = await change(PASSWORD, 'another password', users['eve']!.id);
      const nobodys = await change(PASSWORD, 'another password', '0'.repeat(32));
      expect([others.status, others.text]).toEqual([404, nobodys.text]);
    });

    it('of the first account never all lose their administrators', async () => {
      const { id } = (await ask('admin', 'GET', '/v3/users?name=admin')).json<{ users: Entity[] }>().users[0]!;
      const path = (of: string) => `/v3/users/${of}`;
      const disable = { user: { enabled: false } };
      expect(errorOf((await ask('admin', 'PATCH', path(id), disable)).expect(409)).message).toMatch(/last enabled/);
      const second = await user('second', { is_administrator: true });
      tokens['second'] = await tokenOf('admin', 'second');
      // Each disables the other: one of them stays.
      const answers = await Promise.all([
        ask('second', 'PATCH', path(id), disable),
        ask('admin', 'PATCH', path(second.id), disable),
      ]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      const left = statuses[0] === 200 ? 'second' : 'admin';
      const gone = left === 'admin' ? second.id : id;
      (await ask(left, 'PATCH', path(gone), { user: { enabled: true } })).expect(200);
      (await ask('admin', 'PATCH', path(second.id), disable)).expect(200);
    });

    it('of another account may lose theirs: an operator can help', async () => {
      const lone = await account('lone');
      const { id } = await user('only', { domain_id: lone.id, is_administrator: true });
      (await ask('admin', 'PATCH', `/v3/users/${id}`, { user: { enabled: false } })).expect(200);
    });

    it.each<[string, object]>([
      ['no name', { name: undefined }],
      ['a slash', { name: 'a/b' }],
      ['an at sign', { name: 'a@b' }],
      ['a colon', { name: 'a:b' }],
      ['a space at its end', { name: 'ann ' }],
      ['a control character', { name: 'a\nb' }],
      ['a NUL', { name: 'a\0b' }],
      ['a name of 65', { name: 'x'.repeat(65) }],
      ['a password of 7', { password: 'seven77' }],
      ['a password of 4097', { password: 'x'.repeat(4097) }],
      ['no password', { password: undefined }],
      ['a number as password', { password: 12345678 }],
      ['an administrator that is text', { is_administrator: 'true' }],
      ['an id of no account', { domain_id: 'none' }],
    ])('are not made with %s', async (_what, fields) => {
      const body = { user: { name: 'fine', password: PASSWORD, ...fields } };
      (await ask('admin', 'POST', '/v3/users', body)).expect(400);
    });

    it('may have any letters in their name, and any characters in their password', async () => {
      const password = '密码 🙂🙂🙂🙂🙂';
      await user('Ünal 李', { password }, 'boss');
      (await logIn('other', 'Ünal 李', password)).expect(201);
    });

    it.each([{}, { name: 'renamed' }, { password: 'short' }, { enabled: 'no' }, { password: null }])(
      'are not changed by %j',
      async (change) => {
        (await ask('boss', 'PATCH', `/v3/users/${users['eve']!.id}`, { user: change })).expect(400);
        (await logIn('other', 'eve')).expect(201);
      },
    );

    it('of another account are as those that do not exist', async () => {
      const nobody = '0'.repeat(32);
      for (const [method, suffix, body] of [
        ['GET', '', undefined],
        ['PATCH', '', { user: { enabled: false } }],
        ['POST', '/password', { user: { original_password: PASSWORD, password: PASSWORD } }],
      ] as const) {
        const real = await ask('boss', method, `/v3/users/${users['dev']!.id}${suffix}`, body);
        const none = await ask('boss', method, `/v3/users/${nobody}${suffix}`, body);
        expect([real.status, real.text]).toEqual([404, none.text]);
      }
      const made = (domain_id: string) =>
        ask('boss', 'POST', '/v3/users', { user: { name: 'spy', password: PASSWORD, domain_id } });
      expect([(await made(first)).status, (await made(first)).text]).toEqual([404, (await made(nobody)).text]);
      expect(namesIn(await ask('boss', 'GET', `/v3/users?domain_id=${first}`), 'users')).toEqual([]);
      (await ask('dev', 'PATCH', `/v3/users/${users['eve']!.id}`, { user: { enabled: false } })).expect(403);
      (await logIn('admin', 'dev')).expect(201);
    });

    it('are managed by administrators alone', async () => {
      (await ask('dev', 'GET', '/v3/users')).expect(403);
      (await ask('dev', 'POST', '/v3/users', { user: { name: 'x', password: PASSWORD } })).expect(403);
      for (const id of [users['dev']!.id, '0'.repeat(32)]) {
        (await ask('dev', 'PATCH', `/v3/users/${id}`, { user: { password: 'another password' } })).expect(403);
      }
    });
  });

  describe('projects and regions', () => {
    it('are made by administrators, as SDKs do that look for their region', async () => {
      const made = await ask('boss', 'POST', '/v3/projects', { project: { name: 'cn-north-4', domain_id: other.id } });
      expect(made.expect(201).json()).toMatchObject({ project: { name: 'cn-north-4', domain_id: other.id } });
      expect(namesIn(await ask('boss', 'GET', '/v3/projects?name=cn-north-4'), 'projects')).toEqual(['cn-north-4']);
      (await ask('boss', 'POST', '/v3/projects', { project: { name: 'cn-north-4' } })).expect(409);
      (await ask('eve', 'POST', '/v3/projects', { project: { name: 'mine' } })).expect(403);
      (await ask('boss', 'POST', '/v3/projects', { project: { name: 'mine', domain_id: first } })).expect(404);
      (await ask('boss', 'POST', '/v3/projects', { project: { name: 'a@b' } })).expect(400);
      const ofOther = `/v3/projects?domain_id=${other.id}`;
      expect(namesIn(await ask('admin', 'GET', ofOther), 'projects')).toEqual([REGION, 'cn-north-4']);
      expect(namesIn(await ask('dev', 'GET', ofOther), 'projects')).toEqual([]);
    });

    it('are a hundred in an account at most', async () => {
      const { id } = await account('many-projects');
      const make = (n: number) => ask('admin', 'POST', '/v3/projects', { project: { name: `p${n}`, domain_id: id } });
      for (let n = 1; n < 98; n++) (await make(n)).expect(201);
      const answers = await Promise.all([98, 99, 100, 101].map(make));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409]);
    });

    it('have one region', async () => {
      const listed = await ask('dev', 'GET', '/v3/regions');
      expect(listed.expect(200).json()).toMatchObject({ regions: [{ id: REGION, type: 'public' }] });
      (await ask('dev', 'GET', `/v3/regions/${REGION}`)).expect(200);
      (await ask('dev', 'GET', '/v3/regions/elsewhere')).expect(404);
    });
  });

  describe('tokens', () => {
    const show = (who: string, token: string) =>
      ask(who, 'GET', '/v3/auth/tokens', undefined, { 'x-subject-token': token });

    it('are shown as they were when they were issued', async () => {
      const issued = (await logIn('other', 'eve')).expect(201);
      const token = issued.header('x-subject-token')!;
      for (const who of ['eve', 'boss', 'admin']) {
        const answer = (await show(who, token)).expect(200);
        expect(answer.json()).toEqual(issued.json());
        expect(answer.header('x-subject-token')).toBe(token);
      }
    });

    it('of others, and what is none, are not there', async () => {
      for (const [who, token] of [
        ['dev', tokens['eve']!],
        ['boss', tokens['admin']!],
        ['admin', 'nothing'],
        ['admin', 'x'.repeat(5000)],
        ['admin', await signOperatorToken(KEY, 'berth')],
      ] as const) {
        expect(errorOf((await show(who, token)).expect(404)).message).toBe('there is no such token');
      }
      (await ask('dev', 'GET', '/v3/auth/tokens')).expect(400);
      (await show('nobody', tokens['eve']!)).expect(401);
    });
  });

  describe('the operator, who has the key', () => {
    it('is the first administrator of the first account', async () => {
      const operator = await signOperatorToken(KEY, 'berth');
      expect(namesIn(await ask(operator, 'GET', '/v3/domains?name=other'), 'domains')).toEqual(['other']);
      const key = await ask(operator, 'POST', '/v3.0/OS-CREDENTIAL/credentials', {
        credential: { user_id: users['eve']!.id },
      });
      expect(key.expect(201).json()).toMatchObject({ credential: { user_id: users['eve']!.id } });
    });

    it('is nobody with another key, or for another registry', async () => {
      for (const token of [await signOperatorToken('o'.repeat(32), 'berth'), await signOperatorToken(KEY, 'other')]) {
        (await ask(token, 'GET', '/v3/domains')).expect(401);
      }
    });

    it('is nobody to the registry', async () => {
      const authorization = `Bearer ${await signOperatorToken(KEY, 'berth')}`;
      (await exchange({ method: 'GET', url: url('/v2/'), headers: { authorization } })).expect(401);
    });
  });

  describe('a path', () => {
    const answered = async (method: string, path: string, headers = {}) => {
      const answer = await exchange({
        method,
        url: url(path),
        headers: { 'x-auth-token': tokens['admin']!, ...headers },
      });
      return { status: answer.status, allow: answer.header('allow'), body: answer.text && answer.json() };
    };

    it.each(['/v3', '/v3/nothing', '/v3/users/x/y', '/v3.0/nothing', '/v3/nothing?name=%00'])(
      'that leads nowhere is 404 in the words of IAM: %s',
      async (path) => {
        const error = { code: 404, message: 'there is nothing at this path', title: 'Not Found' };
        expect(await answered('GET', path)).toEqual({ status: 404, allow: undefined, body: { error } });
      },
    );

    it.each([
      ['DELETE', '/v3/users/x', 'GET, PATCH'],
      ['PUT', '/v3/users?limit=1', 'POST, GET'],
      ['DELETE', '/v3/auth/tokens', 'POST, GET'],
      ['POST', '/v3.0/OS-CREDENTIAL/credentials/x', 'PUT, DELETE'],
    ])('without the method is 405: %s %s', async (method, path, allow) => {
      const error = { code: 405, message: `there is no ${method} at this path`, title: 'Method Not Allowed' };
      const answer = await answered(method, path);
      expect(answer).toEqual({ status: 405, allow: expect.any(String), body: { error } });
      expect(answer.allow!.split(', ').sort()).toEqual(allow.split(', ').sort());
    });

    it('takes no Content-Type that is none, and says so in the words of IAM', async () => {
      expect(await answered('POST', '/v3/users', { 'content-type': 'none', 'content-length': '0' })).toMatchObject({
        status: 415,
        body: { error: { code: 415, title: 'Unsupported Media Type' } },
      });
    });

    it('of the registry is answered in its words', async () => {
      expect(await answered('GET', '/v30')).toMatchObject({
        status: 404,
        body: { errors: [{ code: 'NAME_UNKNOWN' }] },
      });
    });
  });

  describe('an id that is nobody’s', () => {
    const UUIDS = ['1'.repeat(32), 'F'.repeat(32), '11111111-1111-1111-1111-111111111111', '0'.repeat(32)];
    const NAMED = [{ user_id: 'ID', user_name: 'x', auth: 7 }];
    const OWN_PASSWORD = { user: { original_password: PASSWORD, password: PASSWORD } };
    const CREDENTIALS = '/v3.0/OS-CREDENTIAL/credentials';
    const ROUTES: [string, string, number, unknown][] = [
      ['GET', '/v3/users/ID', 404, undefined],
      ['PATCH', '/v3/users/ID', 404, { user: { enabled: false } }],
      ['POST', '/v3/users/ID/password', 404, OWN_PASSWORD],
      ['GET', '/v3/users?domain_id=ID', 200, undefined],
      ['POST', '/v3/users', 404, { user: { name: 'x', password: PASSWORD, domain_id: 'ID' } }],
      ['GET', '/v3/domains/ID', 404, undefined],
      ['PATCH', '/v3/domains/ID', 404, { domain: { enabled: false } }],
      ['GET', '/v3/projects?domain_id=ID', 200, undefined],
      ['POST', '/v3/projects', 404, { project: { name: 'x', domain_id: 'ID' } }],
      ['GET', `${CREDENTIALS}?user_id=ID`, 403, undefined],
      ['POST', CREDENTIALS, 403, { credential: { user_id: 'ID' } }],
      ['PUT', `${CREDENTIALS}/ID`, 404, { credential: { status: 'active' } }],
      ['DELETE', `${CREDENTIALS}/ID`, 404, undefined],
      ['GET', '/v2/manage/projects/ID/quotas', 404, undefined],
      ['GET', '/v2/manage/domain/ID/accelerators', 403, undefined],
      ['POST', '/v2/manage/namespaces/ids/access', 400, NAMED],
      ['PATCH', '/v2/manage/namespaces/ids/access', 400, NAMED],
      ['DELETE', '/v2/manage/namespaces/ids/access', 404, ['ID']],
      ['POST', '/v2/manage/namespaces/ids/repos/one/access', 400, NAMED],
      ['PATCH', '/v2/manage/namespaces/ids/repos/one/access', 400, NAMED],
      ['DELETE', '/v2/manage/namespaces/ids/repos/one/access', 404, ['ID']],
    ];
    const askAbout = (id: string, method: string, path: string, body: unknown) => {
      const text = JSON.stringify(body)?.replace('"ID"', JSON.stringify(decodeURIComponent(id)));
      return ask('admin', method, path.replace('ID', id), text && Buffer.from(text));
    };
    beforeAll(async () => {
      (await ask('admin', 'POST', '/v2/manage/namespaces', { namespace: 'ids' })).expect(201);
      const one = { repository: 'one', is_public: false };
      (await ask('admin', 'POST', '/v2/manage/namespaces/ids/repos', one)).expect(201);
    });

    it.each(ROUTES)('is the client’s mistake: %s %s is %i', async (method, path, status, body) => {
      for (const id of UUIDS) {
        expect([id, (await askAbout(id, method, path, body)).status]).toEqual([id, status]);
      }
    });

    it.each(ROUTES)('and so is what is no id: %s %s', async (method, path, _status, body) => {
      for (const id of ['none', '%00', '1'.repeat(33), '%F0%9F%99%82', 'x'.repeat(300)]) {
        const { status } = await askAbout(id, method, path, body);
        expect({ id, status, isClients: status >= 400 && status < 500 }).toMatchObject({ isClients: true });
      }
    });

    it('is no project that a token is for', async () => {
      for (const id of [...UUIDS, 'none']) {
        const { status } = await logIn('admin', 'admin', PASSWORD, { project: { id } });
        expect({ id, isClients: status >= 400 && status < 500 }).toEqual({ id, isClients: true });
      }
    });
  });

  it('lets an operator, and no other administrator, have the keys of users of other accounts', async () => {
    const made = await ask('eve', 'POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: {} });
    const { access } = made.expect(201).json<{ credential: { access: string } }>().credential;
    const second = await user('third', { is_administrator: true, domain_id: (await account('third')).id });
    const third = await tokenOf('third', second.name);
    (await ask(third, 'GET', `/v3.0/OS-CREDENTIAL/credentials?user_id=${users['eve']!.id}`)).expect(403);
    (await ask(third, 'DELETE', `/v3.0/OS-CREDENTIAL/credentials/${access}`)).expect(404);
    (await ask('admin', 'PATCH', `/v3/users/${users['eve']!.id}`, { user: { enabled: false } })).expect(200);
    (await ask('admin', 'DELETE', `/v3.0/OS-CREDENTIAL/credentials/${access}`)).expect(204);
    (await ask('admin', 'PATCH', `/v3/users/${users['eve']!.id}`, { user: { enabled: true } })).expect(200);
  });
});
