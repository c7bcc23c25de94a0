import { resolve } from 'node:path';
import { findProgram, requireOrSkip, ServiceProcess, startNats, type TestNats } from '@berth/testing';

const MAIN = resolve(__dirname, '../dist/main.js');

jest.setTimeout(120_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('registry-v2 as a process', () => {
  let nats: TestNats;
  let registry: ServiceProcess;

  beforeAll(async () => {
    nats = await startNats({ jetstream: false });
  });
  afterAll(async () => {
    await registry?.kill();
    await nats?.stop();
  });

  it('waits at its start for the stream of events, which it publishes', async () => {
    registry = await ServiceProcess.begin([MAIN], {
      BERTH_NATS_URL: nats.url,
      BERTH_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    });
    await registry.readiness(503, { service: 'down', bus: 'up', events: 'NATS has no JetStream' });
  });
});
