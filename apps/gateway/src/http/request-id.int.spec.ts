import { exchange } from '@berth/testing';
import { GatewayModule } from '../gateway.module.js';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';

jest.setTimeout(60_000);

describe(`${GatewayModule.name}: a request id`, () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true' });
  });
  afterAll(() => gateway.stop());
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    exchange({ method, url: `${gateway.address}${path}`, headers });

  it.each(['abc', 'A-b_c.1', 'x'.repeat(64)])('of the client is repeated: %p', async (id) => {
    expect((await ask('GET', '/v2/', { 'x-request-id': id })).header('x-request-id')).toBe(id);
  });

  it.each(['', 'a b', 'x'.repeat(65), '<script>', 'a"b', 'ä'])('that is nonsense is replaced: %p', async (id) => {
    const answered = (await ask('GET', '/v2/', { 'x-request-id': Buffer.from(id).toString('latin1') })).header(
      'x-request-id',
    );
    expect(answered).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  it('is another one each time where the client gives none, also on an error', async () => {
    const ids = [await ask('GET', '/v2/'), await ask('GET', '/v2/'), await ask('GET', '/v2/_nothing')];
    expect(new Set(ids.map((answer) => answer.header('x-request-id'))).size).toBe(3);
  });
});
