import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { HttpTraffic } from './http-traffic.js';
import { Metrics } from './metrics.js';

describe(HttpTraffic, () => {
  let server: Server;
  let metrics: Metrics;

  beforeEach(async () => {
    metrics = new Metrics('gateway');
    const traffic = new HttpTraffic(metrics, 'berth_test_bytes_total', 'A test');
    server = createServer(
      (request, response) => void request.resume().on('end', () => response.end('x'.repeat(5_000))),
    );
    traffic.watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const counted = async () => {
    const text = await metrics.registry.metrics();
    const of = (direction: string) =>
      Number(new RegExp(`^berth_test_bytes_total\\{direction="${direction}",.*\\} (.*)$`, 'm').exec(text)?.[1] ?? 0);
    return { in: of('in'), out: of('out') };
  };

  it('counts to the byte what came and went, on open connections and on closed ones, once', async () => {
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    const ask = async (body: string) => {
      const request = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      socket.write(request);
      let answer = '';
      while (!answer.endsWith('x'.repeat(5_000))) answer += String((await once(socket, 'data'))[0]);
      return { in: request.length, out: answer.length };
    };
    const first = await ask('a'.repeat(1_000));
    expect(await counted()).toEqual(first);
    expect(await counted()).toEqual(first);
    const second = await ask('b'.repeat(20_000));
    socket.end();
    await once(socket, 'close');
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(await counted()).toEqual({ in: first.in + second.in, out: first.out + second.out });
  });
});
