import { MemoryBlobStore } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { loadSettings, Metrics } from '@berth/platform';
import { eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { Logger } from '@nestjs/common';
import { StorageProcess } from '../testing/storage-process.js';
import { expire, openMigrated, sessionCount } from '../testing/upload-database.js';
import { SessionReaper } from './session-reaper.js';

jest.setTimeout(60_000);

describe(SessionReaper, () => {
  let postgres: TestPostgres;
  let database: Database;
  let storage: StorageProcess;
  let reaper: SessionReaper;
  let metrics: Metrics;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    postgres = await startPostgres();
    database = await openMigrated(await postgres.createDatabase());
  });
  beforeEach(() => {
    storage = new StorageProcess(database, new MemoryBlobStore());
    // Half of the idle time: it looks every 500 ms.
    metrics = new Metrics('storage');
    const settings = loadSettings({ BERTH_UPLOAD_IDLE_SECONDS: '1' });
    reaper = new SessionReaper(storage.sessions, storage.remover, settings, metrics);
  });
  afterEach(() => reaper.onApplicationShutdown());
  afterAll(async () => {
    await database.close();
    await postgres.stop();
  });

  const reaped = () =>
    eventually(async () => (await sessionCount(database)) <= 1, { what: 'expired sessions are gone' });

  it('ends what nobody touched, with its bytes, and leaves the others', async () => {
    const [idle, empty, alive] = [await storage.start(), await storage.start(), await storage.start()];
    await storage.send(idle, 'one');
    await storage.send(alive, 'two');
    await expire(database, idle);
    await expire(database, empty);
    reaper.onApplicationBootstrap();
    await reaped();
    expect(await storage.offsetOf(alive)).toBe(3);
    await eventually(async () => (await storage.keys()).length === 1, {
      what: 'the object of the idle session is gone',
    });
    await database.rows({ name: 'test-clear', text: 'DELETE FROM storage.upload_session' }, []);
  });

  it('shows how many are open', async () => {
    const [one, two] = [await storage.start(), await storage.start()];
    const shown = async () => /^berth_upload_sessions\{.*\} (.*)$/m.exec(await metrics.registry.metrics())?.[1];
    expect(await shown()).toBe('2');
    await expire(database, one);
    await expire(database, two);
    reaper.onApplicationBootstrap();
    await eventually(async () => (await shown()) === '0', { what: 'none is open' });
  });

  it('ends hundreds in one go', async () => {
    for (let n = 0; n < 250; n++) await expire(database, await storage.start());
    reaper.onApplicationBootstrap();
    await reaped();
    expect(await sessionCount(database)).toBe(0);
  });

  it('ends twenty thousand, of which it never has more than a hundred in hand', async () => {
    const text = `
      INSERT INTO storage.upload_session (id, repository, expires_at)
      SELECT gen_random_uuid(), 'a/b', now() - interval '1 second' FROM generate_series(1, 20000)`;
    await database.rows({ name: 'test-many-sessions', text }, []);
    const take = storage.sessions.takeExpired.bind(storage.sessions);
    const batches: number[] = [];
    jest.spyOn(storage.sessions, 'takeExpired').mockImplementation(async (limit) => {
      const taken = await take(limit);
      batches.push(taken.length);
      return taken;
    });
    reaper.onApplicationBootstrap();
    await eventually(async () => (await sessionCount(database)) === 0, { what: 'all are gone', within: 50_000 });
    await reaper.onApplicationShutdown();
    expect(batches.reduce((sum, count) => sum + count)).toBe(20_000);
    expect(Math.max(...batches)).toBe(100);
  });

  it('goes on after the database was away', async () => {
    await expire(database, await storage.start());
    const taken = jest.spyOn(storage.sessions, 'takeExpired').mockRejectedValueOnce(new Error('away'));
    reaper.onApplicationBootstrap();
    await eventually(async () => (await sessionCount(database)) === 0, { what: 'the session is gone' });
    expect(taken.mock.calls.length).toBeGreaterThan(1);
  });

  it('is still when it is stopped, and what it had begun is done', async () => {
    reaper.onApplicationBootstrap();
    await reaper.onApplicationShutdown();
    const session = await storage.start();
    await expire(database, session);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await sessionCount(database)).toBe(1);
  });

  it('finds an unfinished object by what the session says of it', async () => {
    const session = await storage.start();
    await storage.send(session, 'one');
    const abort = jest.spyOn(storage.store, 'abort');
    await expire(database, session);
    reaper.onApplicationBootstrap();
    await eventually(() => abort.mock.calls.length === 1, { what: 'the object is aborted' });
    expect(abort.mock.calls[0]![0]).toMatchObject({ size: 3 });
  });
});
