import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  eventually,
  findProgram,
  type NatsOptions,
  requireOrSkip,
  ServiceProcess,
  startNats,
  startTcpGate,
  type TcpGate,
  type TestNats,
} from './testing/test-kit.js';

const main = (more: object) => `
  import { runService } from ${JSON.stringify(resolve(__dirname, '../dist/index.js'))};
  class TestModule {}
  const service = { name: 'storage', module: TestModule, required: [], database: false };
  await runService({ ...service, ...${JSON.stringify(more)} });`;
const LOGIN = { user: 'berth', password: 'swordfish' };

const begin = (env: NodeJS.ProcessEnv, more = {}) =>
  ServiceProcess.begin(['--input-type=module', '-e', main(more)], env);

jest.setTimeout(120_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('a service on NATS', () => {
  let nats: TestNats;
  let gate: TcpGate;
  let service: ServiceProcess;

  beforeAll(async () => {
    nats = await startNats();
    gate = await startTcpGate(nats.port);
    service = await begin({ BERTH_NATS_URL: `nats://127.0.0.1:${gate.port}` });
  });
  afterAll(async () => {
    await service?.kill();
    await gate?.stop();
    await nats?.stop();
  });

  it('is not ready while no question reaches it, also where it can ask itself', async () => {
    await service.readiness(200, { service: 'up', bus: 'up' });
    // The connection for questions is the last one that a service opens.
    gate.closeBehindLast();
    await service.readiness(503, { service: 'down', bus: 'up' });
    gate.open();
    await service.readiness(200, { service: 'up', bus: 'up' });
  });
});

requireOrSkip('nats-server', findProgram('nats-server').reason)('a service that starts without NATS', () => {
  let nats: TestNats;
  let service: ServiceProcess;

  beforeEach(async () => {
    nats = await startNats({ login: LOGIN });
  });
  afterEach(async () => {
    await service?.kill();
    await nats?.stop();
  });

  const start = async (password: string) => {
    service = await begin({
      BERTH_NATS_URL: nats.url,
      BERTH_NATS_USER: LOGIN.user,
      BERTH_NATS_PASSWORD: password,
    });
  };

  it('is live, says at its probe and once in its log why it waits, again when that changes, and never the password', async () => {
    await start('a wrong one');
    await service.readiness(503, { bus: 'Authorization Violation' });
    expect(await service.get('/livez')).toEqual({ status: 200, body: { status: 'live' } });
    await nats.pause();
    await service.readiness(503, { bus: 'ECONNREFUSED' });
    await nats.restart();
    await service.readiness(503, { bus: 'Authorization Violation' });
    await eventually(() => service.lines.length >= 3, { what: 'three lines' });
    const refused = { level: 'warn', dependency: 'bus', reason: 'Authorization Violation' };
    const reasons = service.lines.map(({ reason }) => reason);
    expect([service.lines[0], service.lines.at(-1)]).toMatchObject([refused, refused]);
    expect(reasons).toContain(`connect ECONNREFUSED 127.0.0.1:${nats.port}`);
    expect(reasons.filter((reason, n) => reason === reasons[n - 1])).toEqual([]);
    expect(service.log).not.toContain('a wrong one');
  });

  it('starts when NATS is there', async () => {
    await nats.pause();
    await start(LOGIN.password);
    await service.readiness(503, { bus: 'ECONNREFUSED' });
    await nats.restart();
    await service.readiness(200, { bus: 'up' });
    await eventually(() => service.lines.some(({ msg }) => msg === 'service started'), { what: 'it says so' });
    expect(service.lines.map(({ msg }) => msg)).toEqual(['the start waits', 'the start goes on', 'service started']);
  });
});

requireOrSkip('nats-server', findProgram('nats-server').reason)('a service that publishes events', () => {
  const ends: (() => Promise<void>)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const nats = async (options?: NatsOptions) => {
    const it = await startNats(options);
    ends.push(() => it.stop());
    return it;
  };
  const start = async (port: number, env = {}) => {
    const service = await begin({ BERTH_NATS_URL: `nats://127.0.0.1:${port}`, ...env }, { startsOnEvents: true });
    ends.push(() => service.kill());
    return service;
  };

  it.each([
    ['no JetStream', { jetstream: false }, '1', 'NATS has no JetStream'],
    ['fewer servers than copies are to be', {}, '3', 'replicas > 1 not supported in non-clustered mode'],
  ])('waits at its start where NATS has %s, and says so', async (_what, options, replicas, reason) => {
    const { port } = await nats(options);
    const service = await start(port, { BERTH_NATS_STREAM_REPLICAS: replicas });
    await service.readiness(503, { service: 'down', bus: 'up', events: reason });
    expect(await service.get('/livez')).toMatchObject({ status: 200 });
    await delay(1_500);
    expect(service.lines).toEqual([expect.objectContaining({ msg: 'the start waits', dependency: 'events', reason })]);
  });

  it('starts when their stream can be made, and is ready without it from then on: events wait in the outbox', async () => {
    const [without, withJetStream] = [await nats({ jetstream: false }), await nats()];
    const gate = await startTcpGate(without.port);
    ends.push(() => gate.stop());
    const service = await start(gate.port);
    await service.readiness(503, { events: 'NATS has no JetStream' });
    await without.pause();
    await service.readiness(503, { bus: 'down', events: 'the bus is not connected' });
    gate.leadTo(withJetStream.port);
    await service.readiness(200, { service: 'up', bus: 'up' });
    expect(Object.keys((await service.get('/readyz')).body.checks!)).not.toContain('events');
  });
});
