import { resolve } from 'node:path';
import { deployMigrations } from '@berth/metadata';
import {
  eventually,
  findProgram,
  requireOrSkip,
  ServiceProcess,
  startNats,
  startPostgres,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

const MAIN = resolve(__dirname, '../dist/main.js');

jest.setTimeout(120_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('auth as a process', () => {
  let nats: TestNats;
  let postgres: TestPostgres;
  let auth: ServiceProcess;

  beforeAll(async () => {
    nats = await startNats();
    postgres = await startPostgres();
    await deployMigrations(postgres.url);
  });
  afterAll(async () => {
    await auth?.kill();
    await postgres?.stop();
    await nats?.stop();
  });

  it('waits for PostgreSQL at its start, says so at its probe and once in its log, and starts when it is there', async () => {
    await postgres.pause();
    auth = await ServiceProcess.begin([MAIN], {
      BERTH_NATS_URL: nats.url,
      BERTH_DATABASE_URL: postgres.url,
      BERTH_SECRET_KEY: 's'.repeat(32),
      BERTH_ADMIN_PASSWORD: 'correct horse battery',
    });
    await auth.readiness(503, { database: 'ECONNREFUSED' });
    expect(await auth.get('/livez')).toMatchObject({ status: 200 });
    await postgres.restart();
    await auth.readiness(200, { database: 'up' });
    expect(auth.child.exitCode).toBeNull();
    await eventually(() => auth.lines.some(({ msg }) => msg === 'service started'), {
      what: 'it says that it started',
    });
    const refused = auth.lines.filter(
      ({ msg, reason }) => msg === 'the start waits' && reason?.includes('ECONNREFUSED'),
    );
    expect(refused).toHaveLength(1);
    expect(auth.log).not.toContain('correct horse');
  });
});
