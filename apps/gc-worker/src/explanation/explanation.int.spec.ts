import { EXPLAIN_DIGEST } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { deployMigrations } from '@berth/metadata';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { aManifest, startPostgres, type TestPostgres } from '@berth/testing';
import { GcWorkerModule } from '../gc-worker.module.js';
import { RegistryRows } from '../testing/registry-rows.js';

jest.setTimeout(60_000);

const DAY_MS = 86_400_000;

describe('what is explained', () => {
  let postgres: TestPostgres;
  let worker: InProcessService;
  beforeAll(async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await deployMigrations(url);
    const env = { BERTH_GC_UNTAGGED: '7200', BERTH_GC_RECONCILE_SECONDS: '0' };
    worker = await startInProcess(GcWorkerModule, url, env, new InProcessBus());
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(async () => {
    await worker?.stop();
    await postgres?.stop();
  });

  it.each([
    ['a day ahead', DAY_MS],
    ['a day behind', -DAY_MS],
  ])('goes by the clock of the database, also where that of the process is %s', async (_what, wrongBy) => {
    const rows = new RegistryRows(worker.database, { leaseSeconds: 3_600, pullWindowSeconds: 0 });
    const repository = await rows.repository();
    const [leased, config] = [await rows.blob(repository), await rows.blob(repository)];
    const manifest = await rows.manifest(repository, aManifest({ config, layers: [] }));
    const past = await new RegistryRows(worker.database, { leaseSeconds: -DAY_MS / 1000, pullWindowSeconds: 0 }).blob(
      repository,
    );
    const now = Date.now();
    jest.spyOn(Date, 'now').mockImplementation(() => now + wrongBy);
    const reasons = async (digest: string) =>
      (await worker.bus.request(EXPLAIN_DIGEST, { digest: digest as typeof manifest })).places[0]!.because;
    expect((await reasons(leased.digest)).map(({ kind }) => kind)).toEqual(['lease', 'grace']);
    expect((await reasons(manifest)).map(({ kind }) => kind)).toEqual(['lease', 'policy']);
    expect((await reasons(past.digest)).map(({ kind }) => kind)).toEqual(['due']);
  });
});
