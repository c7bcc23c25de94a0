import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { InProcessBroadcast, InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import { Body, Controller, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { HealthChecks } from './health/health-checks.js';
import { createHttpApp } from './http-server.js';
import { createLogger } from './logging/logger.js';
import { Metrics } from './metrics/metrics.js';
import { InternalEndpointsModule, ServiceRootModule } from './platform.module.js';
import type { ServiceHost } from './service-host.js';
import { loadSettings } from './settings/load-settings.js';

@Controller()
class BodyController {
  @Post('bodies')
  async take(@Body() body: Readable): Promise<string> {
    return await text(body);
  }
}

@Module({ controllers: [BodyController] })
class BodyModule {}

function aHost(): ServiceHost {
  const bus = new InProcessBus();
  return {
    settings: loadSettings({}),
    logger: createLogger('test', 'silent'),
    metrics: new Metrics('test'),
    health: new HealthChecks(),
    bus,
    events: new InProcessEventStream(),
    broadcast: new InProcessBroadcast(),
    database: null,
    transport: () => new InProcessServer(bus, 0),
  };
}

describe(createHttpApp.name, () => {
  let host: ServiceHost;
  let app: NestFastifyApplication;

  beforeEach(async () => {
    host = aHost();
    app = await createHttpApp(host, ServiceRootModule.of(host, InternalEndpointsModule, BodyModule));
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
  });
  afterEach(() => app.close());

  const get = (url: string) => app.inject({ method: 'GET', url });

  it.each(['/livez%', '/%zz', '/v2/a%c3%28/tags/list'])(
    'refuses %s, which cannot be decoded, in the form of every error',
    async (url) => {
      const answer = await get(url);
      expect(answer.statusCode).toBe(400);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.json()).toEqual({ errors: [{ code: 'NAME_INVALID', message: expect.any(String) as unknown }] });
    },
  );

  it('is live as long as it answers', async () => {
    host.health.add('database', () => Promise.reject(new Error('down')));
    host.health.stop();
    const answer = await get('/livez');
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'live' }]);
  });

  it('answers 200 to a readiness probe while everything is up', async () => {
    host.health.add('database', async () => undefined);
    const answer = await get('/readyz');
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { status: 'ready', checks: { database: { status: 'up' } } },
    ]);
  });

  it('answers 503 with the name of what is down, and why', async () => {
    host.health.add('bus', async () => undefined);
    host.health.add('database', () => Promise.reject(new Error('connection refused')));
    const answer = await get('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not ready',
      checks: { bus: { status: 'up' }, database: { status: 'down', reason: 'connection refused' } },
    });
  });

  it('answers 503 while it stops', async () => {
    host.health.stop();
    const answer = await get('/readyz');
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'stopping', checks: {} }]);
  });

  it('shows its metrics', async () => {
    const answer = await get('/metrics');
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.body).toContain('process_cpu_seconds_total');
  });

  it.each([
    'application/json',
    'application/octet-stream',
    'application/x-www-form-urlencoded',
    'application/vnd.oci.image.manifest.v1+json; charset=utf-8',
  ])('hands a body of type %s to its handler as a stream, unread', async (type) => {
    const answer = await app.inject({
      method: 'POST',
      url: '/bodies',
      headers: { 'content-type': type },
      payload: '{"not": json',
    });
    expect([answer.statusCode, answer.body]).toEqual([201, '{"not": json']);
  });

  it('hands a body without a type to its handler as well', async () => {
    const answer = await app.inject({ method: 'POST', url: '/bodies', payload: Buffer.from('bytes') });
    expect([answer.statusCode, answer.body]).toEqual([201, 'bytes']);
  });

  it('takes paths of the length that repository names and digests make', async () => {
    const answer = await get(`/${'a'.repeat(1_000)}/${'b'.repeat(1_000)}`);
    expect(answer.statusCode).toBe(404);
  });
});
