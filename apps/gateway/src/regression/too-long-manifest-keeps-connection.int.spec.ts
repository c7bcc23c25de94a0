import { Agent, request } from 'node:http';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';

jest.setTimeout(30_000);

const MIB = 2 ** 20;

/** One request over `agent`'s only connection; its body in chunks, without a Content-Length. */
function ask(agent: Agent, url: string, method: string, chunks: Buffer[] = []): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode!));
    });
    sent.once('error', reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

// A manifest of unknown length passed the limit: it was answered 413, and the rest of it was left in the connection, which
// served nothing after that.
describe('a manifest that turns out to be too long', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true' });
  });
  afterAll(() => gateway.stop());

  it('is answered 413, and its connection serves the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const chunks = Array.from({ length: 8 }, () => Buffer.alloc(MIB));
    for (let round = 0; round < 5; round++) {
      expect(await ask(agent, `${gateway.address}/v2/a/b/manifests/v1`, 'PUT', chunks)).toBe(413);
      expect(await ask(agent, `${gateway.address}/v2/`, 'GET')).toBe(200);
    }
    agent.destroy();
  });
});
