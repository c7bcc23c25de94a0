import { AUTHENTICATE, DECIDE_ACCESS, ISSUE_TOKEN } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { basic, eventually, exchange } from '@berth/testing';
import { Logger } from '@nestjs/common';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';
import { RequestLog } from './request-log.js';

jest.setTimeout(60_000);

const SECRET = 'never in a log';
const ISSUED = { token: 'a.b.c', access: [], expiresIn: 1800, issuedAt: '2030-01-01T00:00:00.000Z' };

describe(RequestLog, () => {
  let gateway: GatewayUnderTest;
  let logged: jest.SpyInstance;
  beforeAll(async () => {
    gateway = await startGateway({});
    answering(gateway.bus, AUTHENTICATE, ({ username }) => {
      if (username === 'wrong') throw registryError('UNAUTHORIZED');
      return { userId: `id of ${username}`, credential: 'password:x' };
    });
    answering(gateway.bus, ISSUE_TOKEN, ({ username }) => ({
      ...ISSUED,
      ...(username !== undefined && { userId: `id of ${username}` }),
    }));
    answering(gateway.bus, DECIDE_ACCESS, () => ({
      actor: { userId: 'id of dev', userName: 'dev', accountId: 'a', accountName: 'team', isAdministrator: false },
      organisation: 0 as const,
      repository: 0 as const,
    }));
  });
  afterAll(() => gateway.stop());
  beforeEach(() => (logged = jest.spyOn(Logger.prototype, 'log').mockImplementation()));
  afterEach(() => logged.mockRestore());

  async function lineOf(path: string, headers: Record<string, string>): Promise<Record<string, unknown>> {
    await exchange({ method: 'GET', url: gateway.address + path, headers: { ...headers, 'x-request-id': 'this-one' } });
    const line = () =>
      (logged.mock.calls as [Record<string, unknown>][])
        .map(([fields]) => fields)
        .find(({ msg, requestId }) => msg === 'request' && requestId === 'this-one');
    await eventually(async () => line() !== undefined, { what: 'the line of the request', within: 5_000 });
    expect(JSON.stringify(logged.mock.calls)).not.toContain(SECRET);
    return line()!;
  }
  const as = (user: string) => ({ authorization: basic({ user, password: SECRET }) });

  it.each([
    ['the registry', '/v2/', as('ann'), 'id of ann'],
    ['the token endpoint', '/auth/token?service=berth', as('bob'), 'id of bob'],
    ['the management API', '/v2/manage/namespaces/none', { 'x-auth-token': SECRET }, 'id of dev'],
    ['the API of IAM', '/v3/regions', { 'x-auth-token': SECRET }, 'id of dev'],
  ])('says who asked %s', async (_what, path, headers, userId) => {
    expect(await lineOf(path, headers as Record<string, string>)).toMatchObject({ userId });
  });

  it.each([
    ['nobody logged in', '/v2/', {}],
    ['a password was wrong', '/v2/', as('wrong')],
    ['a token was anonymous', '/auth/token?service=berth', {}],
  ])('names no user where %s', async (_what, path, headers) => {
    expect(await lineOf(path, headers as Record<string, string>)).not.toHaveProperty('userId');
  });
});
