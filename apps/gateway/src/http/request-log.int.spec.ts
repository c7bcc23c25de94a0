import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { AUTHENTICATE, DECIDE_ACCESS, FIND_BLOB, GRANT_APPEND, ISSUE_TOKEN } from '@berth/contracts';
import { digestOf, registryError } from '@berth/oci';
import { Metrics } from '@berth/platform';
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

describe('the metrics of requests', () => {
  const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
  const blob = Buffer.alloc(30_000_000, 'b');
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    jest.spyOn(Logger.prototype, 'log').mockImplementation();
    gateway = await startGateway({ BERTH_OPEN: 'true' });
    gateway.transport.objects.set('objects/one', blob);
    const found = { digest: digestOf(blob), size: blob.length, objectKey: 'objects/one' };
    answering(gateway.bus, FIND_BLOB, () => found);
    answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 }));
  });
  afterAll(() => gateway.stop());

  /** The value of the series whose labels hold these; undefined where there is none. */
  async function figure(name: string, ...labels: string[]): Promise<number | undefined> {
    const text = await gateway.app.get(Metrics).registry.metrics();
    const line = text
      .split('\n')
      .find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  }
  const answered = async (sent: ClientRequest) => {
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    answer.resume();
  };
  const becomes = (value: number | undefined, name: string, ...labels: string[]) =>
    eventually(async () => (await figure(name, ...labels)) === value, { what: `${name} ${labels.join()} is ${value}` });

  it('name the route, never the path, also of what nobody serves', async () => {
    for (const path of ['/v2/some/name/blobs/' + digestOf(blob), '/nothing/here', '/v2/some/name/tags/list/more']) {
      await exchange({ method: 'GET', url: gateway.address + path });
    }
    const text = await gateway.app.get(Metrics).registry.metrics();
    expect(text).toMatch(/^berth_http_request_duration_seconds_count\{.*route="end-2",method="GET",status="200"/m);
    expect(text).not.toMatch(/some|nothing/);
  });

  it('show an upload while its bytes come, with the length that was announced, or as much as has come', async () => {
    const upload = (headers: Record<string, number>): ClientRequest => {
      const url = `${gateway.address}/v2/a/b/blobs/uploads/${SESSION}`;
      return request(url, { method: 'PATCH', headers });
    };
    const announced = upload({ 'content-length': 5_000_000 });
    announced.write(Buffer.alloc(1_000));
    await becomes(5_000_000, 'berth_http_bytes_in_flight', 'direction="in"');
    await becomes(1, 'berth_http_requests_in_flight');
    announced.end(Buffer.alloc(4_999_000));
    await answered(announced);
    await becomes(0, 'berth_http_bytes_in_flight', 'direction="in"');
    const chunked = upload({});
    chunked.write(Buffer.alloc(200_000));
    await eventually(async () => ((await figure('berth_http_bytes_in_flight', 'direction="in"')) ?? 0) >= 100_000, {
      what: 'bytes are in flight',
    });
    chunked.end();
    await answered(chunked);
    await becomes(0, 'berth_http_bytes_in_flight', 'direction="in"');
    await becomes(0, 'berth_http_requests_in_flight');
    expect(await figure('berth_http_bytes_total', 'direction="in"')).toBeGreaterThan(5_200_000);
  });

  it('show a pull while its reader is slow, and count the one that is cut short', async () => {
    const reader = request(`${gateway.address}/v2/a/b/blobs/${digestOf(blob)}`).end();
    const [answer] = (await once(reader, 'response')) as [IncomingMessage];
    await once(answer, 'readable');
    await becomes(blob.length, 'berth_http_bytes_in_flight', 'direction="out"');
    expect(await figure('berth_http_answers_cut_total', 'route="end-2"')).toBeUndefined();
    reader.on('error', () => undefined).destroy();
    await becomes(0, 'berth_http_bytes_in_flight', 'direction="out"');
    await becomes(1, 'berth_http_answers_cut_total', 'route="end-2"');
    await becomes(0, 'berth_http_requests_in_flight');
  });
});
