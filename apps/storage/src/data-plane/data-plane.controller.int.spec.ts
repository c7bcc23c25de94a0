import { once } from 'node:events';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { COMPLETE_UPLOAD, CREATE_UPLOAD, FIND_UPLOAD, GRANT_APPEND, GRANT_READ } from '@berth/contracts';
import { InProcessBroadcast, InProcessBus, InProcessEventStream, InProcessServer } from '@berth/messaging';
import { Database, deployMigrations } from '@berth/metadata';
import { digestOf, parseRepositoryName, registryError } from '@berth/oci';
import {
  createHttpApp,
  createLogger,
  HealthChecks,
  listen,
  loadSettings,
  Metrics,
  type ServiceHost,
  ServiceRootModule,
} from '@berth/platform';
import { eventually, exchange, startPostgres, tempFolder, type TestPostgres } from '@berth/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { StorageModule } from '../storage.module.js';
import { DataPlaneAddress } from './data-plane-address.js';
import { DataPlaneController } from './data-plane.controller.js';

jest.setTimeout(60_000);

const REPOSITORY = parseRepositoryName('team/app');

describe(DataPlaneController, () => {
  let postgres: TestPostgres;
  let database: Database;
  let app: NestFastifyApplication;
  let address: string;
  const bus = new InProcessBus();
  const folder = tempFolder();

  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    database = new Database({ url, poolSize: 10, applicationName: 'storage test' });
    const host: ServiceHost = {
      settings: loadSettings({ BERTH_DATA_DIR: folder.path, BERTH_BLOB_STORE: 'filesystem' }),
      logger: createLogger('storage', 'silent'),
      metrics: new Metrics('storage'),
      health: new HealthChecks(),
      bus,
      events: new InProcessEventStream(),
      broadcast: new InProcessBroadcast(),
      database,
      transport: () => new InProcessServer(bus, 5_000),
    };
    app = await createHttpApp(host, ServiceRootModule.of(host, StorageModule));
    app.connectMicroservice({ strategy: host.transport('storage') });
    address = await listen(app, 0, '127.0.0.1');
    app.get(DataPlaneAddress).set(address);
    await app.startAllMicroservices();
  });
  afterAll(async () => {
    await app.close();
    await database.close();
    await postgres.stop();
    folder.remove();
  });

  const start = () => bus.request(CREATE_UPLOAD, { repository: REPOSITORY, algorithm: 'sha256' });
  const grantAppend = async (sessionId: string) =>
    (await bus.request(GRANT_APPEND, { repository: REPOSITORY, sessionId })).url;
  const offsetOf = async (sessionId: string) =>
    (await bus.request(FIND_UPLOAD, { repository: REPOSITORY, sessionId })).offset;

  /** An object with these bytes; gives a URL to read it. */
  async function readable(content: string): Promise<string> {
    const { sessionId } = await start();
    (await exchange({ method: 'POST', url: await grantAppend(sessionId), body: content })).expect(200);
    const digest = digestOf(Buffer.from(content));
    const { objectKey, size } = await bus.request(COMPLETE_UPLOAD, { repository: REPOSITORY, sessionId, digest });
    return (await bus.request(GRANT_READ, { objectKey, size })).url;
  }

  it('takes bytes under a grant and says how far the session is', async () => {
    const { sessionId } = await start();
    const url = await grantAppend(sessionId);
    expect(url.startsWith(`${address}/data/uploads/`)).toBe(true);
    const answer = await exchange({ method: 'POST', url, body: 'one' });
    expect(answer.expect(200).json()).toEqual({ offset: 3 });
    expect(await offsetOf(sessionId)).toBe(3);
  });

  it('takes them whatever type they say they are of', async () => {
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
    ]) {
      const url = await grantAppend((await start()).sessionId);
      const answer = await exchange({ method: 'POST', url, body: '{"broken', headers: { 'content-type': type } });
      expect(answer.expect(200).json()).toEqual({ offset: 8 });
    }
  });

  it('keeps what arrived from a sender that goes away', async () => {
    const { sessionId } = await start();
    const url = new URL(await grantAppend(sessionId));
    const sent = httpRequest(url, { method: 'POST', agent: new Agent(), headers: { 'content-length': 1_000_000 } });
    sent.on('error', () => undefined);
    sent.write(Buffer.alloc(100_000), () => sent.destroy());
    await eventually(async () => (await offsetOf(sessionId)) > 0, { what: 'what arrived is durable' });
    expect(await offsetOf(sessionId)).toBeLessThanOrEqual(100_000);
  });

  it('shows what is under way, what came and went, and how the store did', async () => {
    const { registry } = app.get(Metrics);
    const figure = async (start: string) =>
      Number(
        (await registry.metrics())
          .split('\n')
          .find((line) => line.startsWith(start))
          ?.split(' ')
          .at(-1) ?? 0,
      );
    const inFlight = (direction: string) => figure(`berth_blob_bytes_in_flight{direction="${direction}"`);
    const [taken, received] = [
      await figure('berth_blob_bytes_total{direction="in"'),
      await figure('berth_data_plane_bytes_total{direction="in"'),
    ];
    const sent = httpRequest(await grantAppend((await start()).sessionId), { method: 'POST', agent: new Agent() });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    sent.write(Buffer.alloc(100_000));
    await eventually(async () => (await inFlight('in')) === 100_000, { what: 'it is under way' });
    sent.end(Buffer.alloc(50_000));
    (await answered)[0].resume();
    expect(await inFlight('in')).toBe(0);
    expect((await figure('berth_blob_bytes_total{direction="in"')) - taken).toBe(150_000);
    expect((await figure('berth_data_plane_bytes_total{direction="in"')) - received).toBeGreaterThan(150_000);
    const url = await readable('x'.repeat(20_000_000));
    const reader = httpRequest(url, { agent: new Agent() }).end();
    const [body] = (await once(reader, 'response')) as [IncomingMessage];
    expect(await inFlight('out')).toBe(20_000_000);
    body.resume();
    await once(body, 'end');
    await eventually(async () => (await inFlight('out')) === 0, { what: 'nothing is under way' });
    const text = await registry.metrics();
    for (const operation of ['append', 'complete', 'read']) {
      expect(text).toMatch(
        new RegExp(
          `^berth_object_store_operation_duration_seconds_count\\{.*operation="${operation}",outcome="ok".*\\} [1-9]`,
          'm',
        ),
      );
    }
  });

  it('answers errors as they cross between services', async () => {
    const spent = await grantAppend((await start()).sessionId);
    await exchange({ method: 'POST', url: spent, body: 'one' });
    const answer = await exchange({ method: 'POST', url: spent, body: 'two' });
    expect(answer.expect(404).json()).toEqual(registryError('BLOB_UPLOAD_UNKNOWN').toWire());
  });

  it('gives the bytes under a grant, as often as it is asked', async () => {
    const url = await readable('0123456789');
    for (let n = 0; n < 2; n++) {
      const answer = (await exchange({ method: 'GET', url })).expect(200);
      expect(answer.text).toBe('0123456789');
      expect(answer.header('content-type')).toBe('application/octet-stream');
    }
  });

  it.each([
    ['bytes=2-4', 206, '234'],
    ['bytes=8-', 206, '89'],
    ['bytes=-3', 206, '789'],
    ['bytes=8-100', 206, '89'],
    ['bytes=0-1,3-4', 200, '0123456789'],
    ['nonsense', 200, '0123456789'],
  ])('of the range %s gives %d', async (range, status, expected) => {
    const answer = await exchange({ method: 'GET', url: await readable('0123456789'), headers: { range } });
    expect(answer.expect(status).text).toBe(expected);
  });

  it('gives an empty object', async () => {
    expect((await exchange({ method: 'GET', url: await readable('') })).expect(200).bytes).toHaveLength(0);
  });

  it('refuses a read without a grant of this process', async () => {
    for (const grant of ['x', 'x.y', 'eyJ9.AAAA', '..%2f..%2fetc%2fpasswd']) {
      const answer = await exchange({ method: 'GET', url: `${address}/data/objects/${grant}` });
      expect(answer.expect(403).json()).toMatchObject({ code: 'DENIED' });
    }
    const ranged = await exchange({
      method: 'GET',
      url: `${address}/data/objects/x.y`,
      headers: { range: 'bytes=0-1' },
    });
    ranged.expect(403);
  });

  it('says nothing specific of an object that is gone', async () => {
    const { url } = await bus.request(GRANT_READ, { objectKey: 'objects/ab/nothing-here', size: 10 });
    const answer = await exchange({ method: 'GET', url });
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('nothing-here');
    expect(answer.text).not.toContain(folder.path);
  });
});
