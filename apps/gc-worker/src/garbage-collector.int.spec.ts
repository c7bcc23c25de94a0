import { DELETE_OBJECTS, type DeletedObjectsV1, MANIFEST_DELETED } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { Database, deployMigrations } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { aManifest, eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { GarbageCollector } from './garbage-collector.js';
import { GcWorkerModule } from './gc-worker.module.js';
import { answering, type InProcessService, startInProcess } from '@berth/platform/testing';
import { RegistryRows } from './testing/registry-rows.js';

jest.setTimeout(60_000);

const NO_LEASE = { leaseSeconds: 0, pullWindowSeconds: 1 };
const LEASE = { leaseSeconds: 1, pullWindowSeconds: 1 };
const NO_GRACE = { BERTH_GC_GRACE_SECONDS: '0', BERTH_READ_GRANT_SECONDS: '1' };

describe(GarbageCollector, () => {
  let postgres: TestPostgres;
  let url: string;
  let worker: InProcessService;
  /** Where a blob is due at once, and where it is protected long enough to put a manifest. */
  let rows: RegistryRows;
  let leased: RegistryRows;
  let bus: InProcessBus;
  /** Objects that storage has deleted, and how it answers. */
  const deleted = new Map<string, number>();
  let answer: (keys: string[]) => Promise<DeletedObjectsV1>;

  beforeAll(async () => {
    postgres = await startPostgres();
    await deployMigrations(await postgres.createDatabase('template_gc'));
  });
  beforeEach(async () => {
    url = await postgres.createDatabase(undefined, { template: 'template_gc' });
    bus = new InProcessBus();
    deleted.clear();
    answer = async (keys) => {
      for (const key of keys) deleted.set(key, Date.now());
      return { failed: [] };
    };
    answering(bus, DELETE_OBJECTS, ({ objectKeys }) => answer(objectKeys));
    await startWorker(NO_GRACE);
  });
  afterEach(() => worker.stop());
  afterAll(() => postgres.stop());

  const wake = () => worker.events.publish(MANIFEST_DELETED.subject, crypto.randomUUID(), {});
  async function startWorker(env: Record<string, string>): Promise<void> {
    worker = await startInProcess(GcWorkerModule, url, env, bus);
    rows = new RegistryRows(worker.database, NO_LEASE);
    leased = new RegistryRows(worker.database, LEASE);
  }
  /** Does not wait for sleep, pull windows and retries: every deletion is due now. */
  const hurriedly = (what: string, check: () => boolean) =>
    eventually(
      async () => {
        if (check()) return true;
        await rows.hurry();
        await wake();
        return false;
      },
      { what, every: 100 },
    );
  const gone = (objectKey: string) => hurriedly(`the object ${objectKey} is deleted`, () => deleted.has(objectKey));

  it('removes a blob that nothing references, after its lease and its grace, and its object after the pull window', async () => {
    await worker.stop();
    await startWorker({ ...NO_GRACE, BERTH_GC_GRACE_SECONDS: '1' });
    const committed = Date.now();
    const { objectKey } = await leased.blob(await rows.repository());
    await wake();
    await eventually(async () => !(await rows.has('blob', objectKey)), { what: 'the row is gone' });
    const rowGone = Date.now();
    // A lease of 1 s, a grace of 1 s.
    expect(rowGone - committed).toBeGreaterThanOrEqual(1_900);
    await eventually(() => deleted.has(objectKey), { what: 'the object is deleted' });
    expect(deleted.get(objectKey)! - rowGone).toBeGreaterThanOrEqual(800);
    await eventually(async () => !(await rows.has('object_deletion', objectKey)), { what: 'the deletion is finished' });
  });

  it('finds it without any event', async () => {
    await worker.stop();
    const { objectKey } = await offline(async (offlineRows) => offlineRows.blob(await offlineRows.repository()));
    await startWorker(NO_GRACE);
    await eventually(() => deleted.has(objectKey), { what: 'the object is deleted' });
    expect(await rows.has('blob', objectKey)).toBe(false);
  });

  it('keeps what a manifest references, and removes it when the manifest goes', async () => {
    const repository = await rows.repository();
    const [config, layer] = [await leased.blob(repository), await leased.blob(repository)];
    const stray = await leased.blob(repository);
    const digest = await rows.manifest(repository, aManifest({ config, layers: [layer] }));
    await wake();
    await eventually(async () => !(await rows.has('blob', stray.objectKey)), { what: 'the stray is gone' });
    // The stray was the last to be committed: the others have been judged before it.
    expect([await rows.has('blob', config.objectKey), await rows.has('blob', layer.objectKey)]).toEqual([true, true]);
    await rows.manifests.delete(repository, digest, { subject: MANIFEST_DELETED.subject, payload: {} });
    await wake();
    await gone(config.objectKey);
    await gone(layer.objectKey);
  });

  it('keeps what another repository still has', async () => {
    const [one, two] = [await rows.repository(), await rows.repository()];
    const blob = await leased.blob(one);
    const config = await leased.blob(two);
    await leased.blobs.mount(two, one, blob.digest);
    await rows.manifest(two, aManifest({ config, layers: [blob] }));
    const stray = await leased.blob(one);
    await wake();
    await gone(stray.objectKey);
    expect(await rows.has('blob', blob.objectKey)).toBe(true);
    expect(await rows.blobs.find(one, blob.digest)).toBeNull();
    expect(await rows.blobs.find(two, blob.digest)).not.toBeNull();
  });

  it('tries an object again that storage could not delete, and notes why', async () => {
    const { objectKey } = await rows.blob(await rows.repository());
    const working = answer;
    answer = async (keys) => ({ failed: keys.map((key) => ({ objectKey: key, reason: 'bucket away' })) });
    await wake();
    await eventually(async () => (await rows.deletion(objectKey))?.last_error, { what: 'the failure is noted' });
    expect(await rows.deletion(objectKey)).toEqual({ attempts: 1, last_error: 'bucket away' });
    answer = working;
    await gone(objectKey);
    await eventually(async () => (await rows.deletion(objectKey)) === null, { what: 'the deletion is finished' });
  });

  it('deletes the others where one cannot be deleted', async () => {
    const repository = await rows.repository();
    const [bad, good] = [await rows.blob(repository), await rows.blob(repository)];
    const working = answer;
    answer = async (keys) => {
      await working(keys.filter((key) => key !== bad.objectKey));
      return { failed: keys.filter((key) => key === bad.objectKey).map((key) => ({ objectKey: key, reason: 'no' })) };
    };
    await wake();
    await gone(good.objectKey);
    await eventually(async () => !(await rows.has('object_deletion', good.objectKey)), {
      what: 'the good one is finished',
    });
    expect(await rows.has('object_deletion', bad.objectKey)).toBe(true);
  });

  it('goes on by itself when storage was away', async () => {
    const { objectKey } = await rows.blob(await rows.repository());
    const working = answer;
    let asked = 0;
    answer = () => {
      asked++;
      return Promise.reject(registryError('UNAVAILABLE'));
    };
    await hurriedly('storage was asked in vain', () => asked > 0);
    expect(await rows.has('object_deletion', objectKey)).toBe(true);
    answer = working;
    await gone(objectKey);
  });

  it('stopped while storage deletes finishes that, and leaves nothing half done', async () => {
    const { objectKey } = await rows.blob(await rows.repository());
    let release: () => void = () => undefined;
    let began = false;
    const working = answer;
    answer = async (keys) => {
      began = true;
      await new Promise<void>((resolve) => (release = resolve));
      return working(keys);
    };
    await hurriedly('storage is asked to delete', () => began);
    let stopped = false;
    const stopping = worker.app.close().then(() => (stopped = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect(deleted.has(objectKey)).toBe(true);
    expect(await rows.has('object_deletion', objectKey)).toBe(false);
  });

  it('stops at once while there is nothing to do', async () => {
    const started = performance.now();
    await worker.app.close();
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('shares the work among several: each object is deleted once', async () => {
    const calls: string[] = [];
    const working = answer;
    answer = (keys) => {
      calls.push(...keys);
      return working(keys);
    };
    const others = await Promise.all([1, 2].map(() => startInProcess(GcWorkerModule, url, NO_GRACE, bus)));
    const wakeAll = async () => {
      for (const { events } of [worker, ...others]) await events.publish(MANIFEST_DELETED.subject, 'x', {});
    };
    try {
      const repository = await rows.repository();
      const keys: string[] = [];
      for (let n = 0; n < 20; n++) keys.push((await leased.blob(repository)).objectKey);
      await wakeAll();
      await eventually(() => keys.every((key) => deleted.has(key)), { what: 'all are deleted' });
      expect(calls.sort()).toEqual(keys.sort());
    } finally {
      for (const other of others) await other.stop();
    }
  });

  /** Rows that are written while no worker runs. */
  async function offline<T>(work: (rows: RegistryRows) => Promise<T>): Promise<T> {
    const database = new Database({ url, poolSize: 2, applicationName: 'test' });
    try {
      return await work(new RegistryRows(database, NO_LEASE));
    } finally {
      await database.close();
    }
  }
});
