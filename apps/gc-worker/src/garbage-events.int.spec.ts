import { GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED } from '@berth/contracts';
import { JetStreamEventStream, NatsLink } from '@berth/messaging';
import { deployMigrations } from '@berth/metadata';
import { createInProcessHost, loadSettings, startInProcessService } from '@berth/platform';
import {
  eventually,
  findProgram,
  requireOrSkip,
  startNats,
  startPostgres,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';
import { GcWorkerModule } from './gc-worker.module.js';
import { RegistryRows } from './testing/registry-rows.js';

jest.setTimeout(120_000);

const SUBJECTS = [GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED].map(({ subject }) => subject);
const WORKERS = 2;
const LONGEST_SLEEP_MS = 10_000;
/** Each is found by a look that begins after the one before was. */
const ROUNDS = 10;
/** By its clock alone each worker looks once in its longest sleep. */
const BY_SLEEP_ALONE_MS = (ROUNDS / WORKERS - 1) * LONGEST_SLEEP_MS;

requireOrSkip('nats-server', findProgram('nats-server').reason)('several gc-workers on one stream', () => {
  let nats: TestNats;
  let postgres: TestPostgres;
  let rows: RegistryRows;
  let publisher: JetStreamEventStream;
  const stops: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    publisher = await connect();
    for (let n = 0; n < WORKERS; n++) {
      const settings = loadSettings({
        BERTH_DATABASE_URL: url,
        BERTH_LOG_LEVEL: 'silent',
        BERTH_GC_GRACE_SECONDS: '0',
        BERTH_GC_RECONCILE_SECONDS: '0',
        // No object becomes due.
        BERTH_READ_GRANT_SECONDS: '3600',
      });
      const host = { ...createInProcessHost('gc-worker', settings), events: await connect() };
      const app = await startInProcessService(host, 'gc-worker', GcWorkerModule);
      stops.unshift(async () => {
        await app.close();
        await host.database!.close();
      });
      rows = new RegistryRows(host.database!, { leaseSeconds: 0, pullWindowSeconds: 3_600 });
    }
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await Promise.all([nats?.stop(), postgres?.stop()]);
  });

  const connect = async () => {
    const link = await NatsLink.open({ servers: [nats.url], name: 'test' });
    const events = new JetStreamEventStream(link, { stream: 'BERTH_EVENTS', subjects: SUBJECTS, replicas: 1 });
    stops.push(() => events.close());
    return events;
  };

  it('are woken by an event, at least one of them, long before they would look', async () => {
    const repository = await rows.repository();
    const began = performance.now();
    for (let round = 0; round < ROUNDS; round++) {
      const { objectKey } = await rows.blob(repository);
      await publisher.publish(GARBAGE_QUEUED.subject, crypto.randomUUID(), {});
      await eventually(async () => !(await rows.has('blob', objectKey)), {
        what: `round ${round} is collected`,
        within: 2 * LONGEST_SLEEP_MS,
        every: 20,
      });
    }
    expect(performance.now() - began).toBeLessThan(BY_SLEEP_ALONE_MS);
  });
});
