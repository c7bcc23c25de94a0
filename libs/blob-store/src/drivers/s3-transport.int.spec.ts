import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Fault, s3Transport } from './s3-transport.js';

const SILENCE_MS = 1_000;
const MIB = 2 ** 20;

jest.setTimeout(30_000);

describe(s3Transport.name, () => {
  let server: http.Server;
  let answer: http.RequestListener;
  let agent: http.Agent;

  beforeEach(async () => {
    agent = new http.Agent({ keepAlive: true });
    server = http.createServer((request, response) => answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });

  async function get(): Promise<http.IncomingMessage> {
    const { port } = server.address() as AddressInfo;
    const transport = s3Transport(false, SILENCE_MS);
    return new Promise((resolve, reject) => {
      transport.request({ host: '127.0.0.1', port, agent }, resolve).on('error', reject).end();
    });
  }

  async function bytesOf(response: http.IncomingMessage): Promise<number> {
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
    return bytes;
  }

  it('gives up on a server that does not answer', async () => {
    answer = () => undefined;
    const start = performance.now();
    await expect(get()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - start).toBeLessThan(10 * SILENCE_MS);
  });

  it('gives up on a server that falls silent in the middle of its answer', async () => {
    answer = (_request, response) => response.writeHead(200, { 'content-length': MIB }).write(randomBytes(1000));
    await expect(bytesOf(await get())).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });

  it('waits for a consumer that is slow to read', async () => {
    answer = (_request, response) => response.writeHead(200).end(randomBytes(32 * MIB));
    const response = await get();
    await sleep(4 * SILENCE_MS);
    expect(await bytesOf(response)).toBe(32 * MIB);
  });

  it('turns 5xx and 429 into S3Fault and keeps the connection', async () => {
    for (const status of [500, 503, 429]) {
      answer = (_request, response) => response.writeHead(status).end('<Error><Code>SlowDown</Code></Error>');
      const fault: unknown = await get().catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(S3Fault);
      expect(fault).toMatchObject({ status, message: `object store answered ${status} SlowDown` });
    }
    const connections = await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    expect(connections).toBe(1);
  });

  it('leaves other answers to the client', async () => {
    answer = (_request, response) => response.writeHead(404).end('no');
    const response = await get();
    expect(response.statusCode).toBe(404);
    expect(await bytesOf(response)).toBe(2);
  });
});
