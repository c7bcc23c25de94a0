import { Readable } from 'node:stream';
import { ISSUE_TOKEN } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { basic, exchange, type HttpAnswer } from '@berth/testing';
import { GatewayModule } from '../gateway.module.js';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';

jest.setTimeout(60_000);

describe(`${GatewayModule.name} at the token endpoint`, () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.stop());
  const access = [{ type: 'repository', name: 'a/b', actions: ['pull'] }];
  const issued = { token: 'a.b.c', access, expiresIn: 1800, issuedAt: '2030-01-01T00:00:00.000Z' };
  const token = (query: string, headers: Record<string, string> = {}) =>
    exchange({ method: 'GET', url: `${gateway.address}/auth/token?${query}`, headers });

  it('hands on who asks and for what, from repeated and spaced scopes, and skips nonsense', async () => {
    const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
    const query = 'service=berth&scope=repository:a/b:pull&scope=repository:c:push%20nonsense%20registry:catalog:*';
    const answer = (await token(query, { authorization: basic({ user: 'ann', password: 'pw' }) })).expect(200);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json()).toEqual({
      token: 'a.b.c',
      access_token: 'a.b.c',
      expires_in: 1800,
      issued_at: issued.issuedAt,
    });
    expect(asked).toEqual([
      {
        username: 'ann',
        password: 'pw',
        address: '127.0.0.1',
        scopes: [
          { type: 'repository', name: 'a/b', actions: ['pull'] },
          { type: 'repository', name: 'c', actions: ['push'] },
          { type: 'registry', name: 'catalog', actions: ['*'] },
        ],
      },
    ]);
  });

  it.each(['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('has no %s: it is 405, and no token', async (method) => {
    const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
    for (const path of ['/auth/token', '/auth/token/', '/swr/auth/v2/registry/auth']) {
      const answer = (await exchange({ method, url: `${gateway.address}${path}` })).expect(405);
      expect(answer.header('allow')).toBe('GET, POST');
      expect(answer.codes).toEqual(method === 'HEAD' ? [] : ['UNSUPPORTED']);
    }
    expect(asked).toEqual([]);
  });

  it('gives anonymous a token, and nobody one for broken credentials', async () => {
    const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
    (await token('service=berth')).expect(200);
    expect(asked).toEqual([{ scopes: [], address: '127.0.0.1' }]);
    for (const authorization of ['Bearer x', 'Basic !', basic({ user: 'a\0b', password: 'x' }), 'nonsense']) {
      expect((await token('', { authorization })).expect(401).codes).toEqual(['UNAUTHORIZED']);
    }
    expect(asked).toHaveLength(1);
  });

  const form = (fields: Record<string, string> | string, path = '/auth/token', headers: Record<string, string> = {}) =>
    exchange({
      method: 'POST',
      url: `${gateway.address}${path}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  const GRANT = { grant_type: 'password', service: 'berth', client_id: 'test', username: 'ann', password: 'pw' };

  it.each(['/auth/token', '/auth/token/', '/swr/auth/v2/registry/auth', '/swr/auth/v2/registry/auth/'])(
    'answers GET and POST at %s',
    async (path) => {
      const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
      const url = `${gateway.address}${path}?scope=repository:a/b:pull`;
      (await exchange({ method: 'GET', url })).expect(200);
      (await form({ ...GRANT, scope: 'repository:a/b:pull' }, path)).expect(200);
      const both = { scopes: access, address: '127.0.0.1' };
      expect(asked).toEqual([both, { username: 'ann', password: 'pw', ...both }]);
      for (const method of ['GET', 'POST'] as const) {
        const behind = await exchange({ method, url: `${gateway.address}${path.replace(/\/$/, '')}/more` });
        expect(behind.expect(404).codes).toEqual(['NAME_UNKNOWN']);
      }
      expect(asked).toHaveLength(2);
    },
  );

  it('asks for a refresh token only where that is wished for, and for a user', async () => {
    const asked = answering(gateway.bus, ISSUE_TOKEN, ({ offline }) => ({
      ...issued,
      ...(offline && { refreshToken: 'r.e.f' }),
    }));
    const authorization = basic({ user: 'ann', password: 'pw' });
    const refreshOf = async (answer: Promise<HttpAnswer>) => (await answer).expect(200).json<object>();
    expect(await refreshOf(token('offline_token=true', { authorization }))).toMatchObject({ refresh_token: 'r.e.f' });
    expect(await refreshOf(token('offline_token=false', { authorization }))).not.toHaveProperty('refresh_token');
    expect(await refreshOf(token('offline_token=true'))).not.toHaveProperty('refresh_token');
    expect(await refreshOf(form({ ...GRANT, access_type: 'offline' }))).toMatchObject({ refresh_token: 'r.e.f' });
    expect(await refreshOf(form(GRANT))).not.toHaveProperty('refresh_token');
    expect(asked.map(({ offline }) => offline ?? false)).toEqual([true, false, false, true, false]);
  });

  it('answers a form as OAuth2 clients and Docker read it', async () => {
    answering(gateway.bus, ISSUE_TOKEN, ({ refreshToken }) => ({ ...issued, refreshToken: refreshToken! }));
    const { username: _, password: __, ...rest } = GRANT;
    const answer = (await form({ ...rest, grant_type: 'refresh_token', refresh_token: 'r.e.f' })).expect(200);
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.json()).toEqual({
      access_token: 'a.b.c',
      token: 'a.b.c',
      token_type: 'Bearer',
      scope: 'repository:a/b:pull',
      expires_in: 1800,
      issued_at: issued.issuedAt,
      refresh_token: 'r.e.f',
    });
  });

  it.each([
    ['another grant', { ...GRANT, grant_type: 'implicit' }, 400, 'UNSUPPORTED', 'unsupported_grant_type'],
    ['a missing field', { grant_type: 'password', service: 'x' }, 400, 'UNSUPPORTED', 'invalid_request'],
    ['an empty form', '', 400, 'UNSUPPORTED', 'invalid_request'],
    ['a name that is nobody’s', { ...GRANT, username: 'a\0b' }, 401, 'UNAUTHORIZED', 'invalid_grant'],
  ] as const)('refuses %s in both dialects', async (_what, fields, status, code, error) => {
    const asked = answering(gateway.bus, ISSUE_TOKEN, () => issued);
    const answer = (await form(fields)).expect(status);
    expect(answer.codes).toEqual([code]);
    expect(answer.json()).toMatchObject({ error, error_description: expect.any(String) as unknown });
    expect(asked).toEqual([]);
  });

  it('says with a 401 that it takes Basic credentials', async () => {
    answering(gateway.bus, ISSUE_TOKEN, () => {
      throw registryError('UNAUTHORIZED', undefined, { message: 'wrong user name or password' });
    });
    const authorization = basic({ user: 'ann', password: 'wrong' });
    for (const answer of [await token('', { authorization }), await form(GRANT)]) {
      expect(answer.expect(401).header('www-authenticate')).toBe('Basic realm="berth", charset="UTF-8"');
      expect(answer.codes).toEqual(['UNAUTHORIZED']);
    }
  });

  it('hands on that too many logins failed, and when the next makes sense', async () => {
    answering(gateway.bus, ISSUE_TOKEN, () => {
      throw registryError('TOOMANYREQUESTS', undefined, { headers: { 'retry-after': '8' } });
    });
    const authorization = basic({ user: 'ann', password: 'wrong' });
    for (const answer of [await token('', { authorization }), await form(GRANT)]) {
      expect(answer.expect(429).header('retry-after')).toBe('8');
      expect(answer.codes).toEqual(['TOOMANYREQUESTS']);
    }
  });

  it('takes a form of 64 KiB, says 413 to a larger one before it is read, and serves the next', async () => {
    answering(gateway.bus, ISSUE_TOKEN, () => issued);
    const filled = (length: number) => ({
      ...GRANT,
      scope: 'x'.repeat(length - new URLSearchParams({ ...GRANT, scope: '' }).toString().length),
    });
    (await form(filled(65_536))).expect(200);
    const answer = (await form(filled(65_537))).expect(413);
    expect([answer.codes, answer.json()]).toEqual([
      ['UNSUPPORTED'],
      expect.objectContaining({ error: 'invalid_request' }),
    ]);
    const endless = await exchange({
      method: 'POST',
      url: `${gateway.address}/auth/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: () => Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(10_000, 'x'))),
    });
    endless.expect(413);
    (await form(GRANT)).expect(200);
  });

  it('reads no body that is not a form', async () => {
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencodedx']) {
      (await form(GRANT, '/auth/token', { 'content-type': type })).expect(415);
    }
    (await form(GRANT, '/auth/token', { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' })).expect(
      401,
      200,
    );
  });

  it('is 503 while auth is away', async () => {
    gateway.bus.remove(ISSUE_TOKEN.subject);
    expect((await token('')).expect(503).header('retry-after')).toBeDefined();
    expect((await form(GRANT)).expect(503).json()).toMatchObject({ error: 'server_error' });
  });
});
