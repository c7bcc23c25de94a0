import { Agent, request } from 'node:http';
import { GRANT_APPEND } from '@berth/contracts';
import { registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';

jest.setTimeout(30_000);

const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const MIB = 2 ** 20;

/** One request over `agent`'s only connection. */
function ask(agent: Agent, url: string, method: string, body?: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers: body ? { 'content-length': body.length } : {} }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode!));
    });
    sent.once('error', reject).end(body);
  });
}

// A storage process was killed while it took a layer. The gateway answered 503, and left the rest of the layer in the
// connection: the client's next request there was never read (crane waited for ever).
describe('an upload that breaks off in the middle of its body', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway({ BERTH_OPEN: 'true' });
    answering(gateway.bus, GRANT_APPEND, () => ({ url: 'grant', offset: 0 }));
  });
  afterAll(() => gateway.stop());

  it('is answered, and its connection serves the next request', async () => {
    gateway.transport.append = async (_url, body) => {
      for await (const chunk of body) if (chunk.length > 0) break;
      throw registryError('UNAVAILABLE');
    };
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const path = `${gateway.address}/v2/a/b/blobs/uploads/${SESSION}`;
    for (let round = 0; round < 5; round++) {
      expect(await ask(agent, path, 'PATCH', Buffer.alloc(8 * MIB))).toBe(503);
      expect(await ask(agent, `${gateway.address}/v2/`, 'GET')).toBe(200);
    }
    agent.destroy();
  });
});
