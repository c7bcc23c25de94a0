import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { deployMigrations } from '@berth/metadata';
import {
  eventually,
  findProgram,
  freePort,
  requireOrSkip,
  startNats,
  startPostgres,
  type TestNats,
  type TestPostgres,
} from '@berth/testing';

const MAIN = resolve(__dirname, '../dist/main.js');
const WITHIN_MS = 60_000;

jest.setTimeout(120_000);

requireOrSkip('nats-server', findProgram('nats-server').reason)('auth as a process', () => {
  let nats: TestNats;
  let postgres: TestPostgres;
  let auth: ChildProcess;
  let log = '';

  beforeAll(async () => {
    nats = await startNats();
    postgres = await startPostgres();
    await deployMigrations(postgres.url);
  });
  afterAll(async () => {
    if (auth?.exitCode === null) {
      auth.kill('SIGKILL');
      await once(auth, 'exit');
    }
    await postgres?.stop();
    await nats?.stop();
  });

  it('waits for PostgreSQL at its start, says so at its probe and once in its log, and starts when it is there', async () => {
    await postgres.pause();
    const port = await freePort();
    auth = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        BERTH_INTERNAL_HOST: '127.0.0.1',
        BERTH_INTERNAL_PORT: String(port),
        BERTH_NATS_URL: nats.url,
        BERTH_DATABASE_URL: postgres.url,
        BERTH_SECRET_KEY: 's'.repeat(32),
        BERTH_ADMIN_PASSWORD: 'correct horse battery',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    auth.stdout!.on('data', (bytes: Buffer) => (log += String(bytes)));
    const readiness = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
      return answer && `${answer.status} ${await answer.text()}`;
    };
    const reads = (pattern: RegExp) =>
      eventually(async () => pattern.test((await readiness()) ?? ''), { what: String(pattern), within: WITHIN_MS });

    await reads(/^503 .*"database":\{"status":"down","reason":"[^"]*ECONNREFUSED/);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    await postgres.restart();
    await reads(/^200 /);
    expect(auth.exitCode).toBeNull();
    await eventually(() => log.includes('service started'), { what: 'it says that it started' });
    const refused = log.split('\n').filter((line) => line.includes('the start waits') && line.includes('ECONNREFUSED'));
    expect(refused).toHaveLength(1);
    expect(log).not.toContain('correct horse');
  });
});
