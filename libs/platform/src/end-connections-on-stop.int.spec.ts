import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { InProcessBroadcast, InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import { Controller, Get, Module, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { endConnectionsOnStop } from './end-connections-on-stop.js';
import { HealthChecks } from './health/health-checks.js';
import { createHttpApp, listen } from './http-server.js';
import { createLogger } from './logging/logger.js';
import { Metrics } from './metrics/metrics.js';
import { ServiceRootModule } from './platform.module.js';
import type { ServiceHost } from './service-host.js';
import { loadSettings } from './settings/load-settings.js';
import { eventually } from './testing/test-kit.js';

const LARGE = Buffer.alloc(32_000_000, 'x');
/** Less than an idle connection is kept, and more than anything here takes. */
const PROMPTLY_MS = 20_000;

let release: () => void;
let begun: number;
const held = () => new Promise<void>((resolve) => (release = resolve));

@Controller()
class AnswersController {
  @Get('quick')
  quick(): string {
    return 'quick';
  }

  @Get('held')
  async held(): Promise<string> {
    begun++;
    await held();
    return 'held';
  }

  @Get('half')
  async half(@Res() reply: FastifyReply): Promise<void> {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-length': 8 });
    reply.raw.write('half');
    begun++;
    await held();
    reply.raw.end('more');
  }

  @Get('large')
  large(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-length': LARGE.length });
    reply.raw.end(LARGE);
    begun++;
  }
}

@Module({ controllers: [AnswersController] })
class AnswersModule {}

jest.setTimeout(60_000);

describe(endConnectionsOnStop, () => {
  let health: HealthChecks;
  let app: NestFastifyApplication;
  let address: string;
  let agent: Agent;

  beforeEach(async () => {
    const bus = new InProcessBus();
    health = new HealthChecks();
    begun = 0;
    const host: ServiceHost = {
      settings: loadSettings({}),
      logger: createLogger('test', 'silent'),
      metrics: new Metrics('test'),
      health,
      bus,
      events: new InProcessEventStream(),
      broadcast: new InProcessBroadcast(),
      database: null,
      transport: () => new InProcessServer(bus, 0),
    };
    app = await createHttpApp(host, ServiceRootModule.of(host, AnswersModule));
    address = await listen(app, 0, '127.0.0.1');
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    agent.destroy();
    await app.close();
  });

  /** Over one connection, for as long as that is kept. */
  const ask = async (path: string): Promise<IncomingMessage> => {
    const [answer] = (await once(get(`${address}${path}`, { agent }), 'response')) as [IncomingMessage];
    return answer;
  };
  const textOf = async (answer: IncomingMessage) => (await buffer(answer)).toString();
  const closed = () => {
    const closing = app.close();
    return Promise.race([closing.then(() => 'closed'), delay(PROMPTLY_MS, 'open', { ref: false })]);
  };

  it('keeps connections while the process runs', async () => {
    for (let n = 0; n < 2; n++) {
      const answer = await ask('/quick');
      expect(answer.headers.connection).toBe('keep-alive');
      expect(await textOf(answer)).toBe('quick');
    }
  });

  it('serves what comes while the process stops, on old and new connections, and ends them', async () => {
    await textOf(await ask('/quick'));
    health.stop();
    for (let n = 0; n < 3; n++) {
      const answer = await ask('/quick');
      expect([answer.statusCode, answer.headers.connection]).toEqual([200, 'close']);
      expect(await textOf(answer)).toBe('quick');
    }
  });

  it('ends the connection of a request that came before, with its answer', async () => {
    const asked = ask('/held');
    await eventually(() => begun === 1, { what: 'the request is there' });
    health.stop();
    release();
    const answer = await asked;
    expect(answer.headers.connection).toBe('close');
    expect(await textOf(answer)).toBe('held');
  });

  it('finishes an answer that is half out, and soon ends its connection, which was to be kept', async () => {
    const answer = await ask('/half');
    expect(answer.headers.connection).toBe('keep-alive');
    health.stop();
    const closing = closed();
    await eventually(() => !app.getHttpServer().listening, { what: 'the server closes' });
    release();
    expect(await textOf(answer)).toBe('halfmore');
    expect(await closing).toBe('closed');
  });

  it('serves the request that follows such an answer at once', async () => {
    const answer = await ask('/half');
    health.stop();
    const closing = closed();
    await eventually(() => !app.getHttpServer().listening, { what: 'the server closes' });
    release();
    expect(await textOf(answer)).toBe('halfmore');
    const next = await ask('/quick');
    expect([next.headers.connection, await textOf(next)]).toEqual(['close', 'quick']);
    expect(await closing).toBe('closed');
  });

  it('closes when the only connections are idle', async () => {
    await textOf(await ask('/quick'));
    health.stop();
    expect(await closed()).toBe('closed');
  });

  it('cuts off no answer that a slow client has not taken yet', async () => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    socket.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
    await eventually(() => begun === 1, { what: 'the answer is written' });
    health.stop();
    const closing = closed();
    // A request that ends meanwhile is no reason to cut the other one either.
    await eventually(() => !app.getHttpServer().listening, { what: 'the server closes' });
    const received = await buffer(socket);
    expect(received.length).toBeGreaterThan(LARGE.length);
    expect(await closing).toBe('closed');
  });
});
