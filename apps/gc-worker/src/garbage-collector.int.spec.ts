import { setTimeout as delay } from 'node:timers/promises';
import {
  DELETE_OBJECTS,
  type DeletedObjectsV1,
  GARBAGE_QUEUED,
  MANIFEST_DELETED,
  MANIFEST_PUSHED,
  SET_UNTAGGED_POLICY,
  TAG_DELETED,
} from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { Database, deployMigrations, GarbageStore } from '@berth/metadata';
import { type Digest, registryError, type RepositoryName, type Tag } from '@berth/oci';
import { aManifest, eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { GarbageCollector } from './garbage-collector.js';
import { WorkLoop } from './work-loop.js';
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
  /** Storage deletes nothing more until it is released. */
  function holdStorage(): { isAsked: () => boolean; release: () => void } {
    const working = answer;
    const { promise, resolve } = Promise.withResolvers<void>();
    let asked = false;
    answer = async (keys) => {
      asked = true;
      await promise;
      return working(keys);
    };
    return {
      isAsked: () => asked,
      release: () => {
        answer = working;
        resolve();
      },
    };
  }
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
    const held = holdStorage();
    await hurriedly('storage is asked to delete', held.isAsked);
    let stopped = false;
    const stopping = worker.app.close().then(() => (stopped = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(stopped).toBe(false);
    held.release();
    await stopping;
    expect(deleted.has(objectKey)).toBe(true);
    expect(await rows.has('object_deletion', objectKey)).toBe(false);
  });

  it('takes no more deletions when it is stopped', async () => {
    await worker.stop();
    await offline(async (_, database) => {
      const text = `INSERT INTO registry.object_deletion (object_key, size, not_before) SELECT 'objects/00/' || n, 1, now() FROM generate_series(1, 150) n`;
      await database.rows({ text }, []);
    });
    const held = holdStorage();
    await startWorker(NO_GRACE);
    await eventually(held.isAsked, { what: 'storage is asked to delete' });
    const told = jest.spyOn(WorkLoop.prototype, 'stop');
    const stopping = worker.stop();
    await eventually(() => told.mock.calls.length === 2, { what: 'both loops are told to stop', within: 30_000 });
    told.mockRestore();
    held.release();
    await stopping;
    await offline(async (_, database) => {
      const text = `SELECT attempts, count(*)::int AS objects FROM registry.object_deletion GROUP BY 1`;
      expect(await database.rows({ text }, [])).toEqual([{ attempts: 0, objects: 50 }]);
    });
    await startWorker(NO_GRACE);
  });

  it('goes on with its reviews while storage does not answer', async () => {
    const { objectKey } = await rows.blob(await rows.repository());
    const held = holdStorage();
    try {
      await hurriedly('storage is asked to delete', held.isAsked);
      const other = await rows.blob(await rows.repository());
      await wake();
      await eventually(async () => !(await rows.has('blob', other.objectKey)), { what: 'the other row is gone' });
      expect(deleted.has(objectKey)).toBe(false);
    } finally {
      held.release();
    }
    await gone(objectKey);
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

  describe('collects untagged manifests', () => {
    const set = (message: object) => bus.request(SET_UNTAGGED_POLICY, message);
    /** Its blobs are protected until it is there, however long that takes. */
    const image = async (repository: RepositoryName) => {
      const lasting = new RegistryRows(worker.database, { ...LEASE, leaseSeconds: 600 });
      return aManifest({ config: await lasting.blob(repository), layers: [await lasting.blob(repository)] });
    };
    const goneManifest = (repository: RepositoryName, digest: Digest) =>
      eventually(async () => !(await rows.hasManifest(repository, digest)), { what: 'the manifest is gone' });

    it('by the setting, with their blobs, and tells of it', async () => {
      await worker.stop();
      const { repository, digest, objectKey, tagged } = await offline(async (offlineRows) => {
        const path = await offlineRows.repository();
        const [config, layer] = [await offlineRows.blob(path), await offlineRows.blob(path)];
        return {
          repository: path,
          objectKey: layer.objectKey,
          digest: await offlineRows.manifest(path, aManifest({ config, layers: [layer] })),
          tagged: await offlineRows.manifest(path, aManifest({ config, layers: [] }), ['v1' as Tag]),
        };
      });
      await startWorker({ ...NO_GRACE, BERTH_GC_UNTAGGED: '0' });
      await goneManifest(repository, digest);
      await gone(objectKey);
      expect(await rows.hasManifest(repository, tagged)).toBe(true);
      const events = await worker.database.prisma.outboxEvent.findMany({
        where: { subject: MANIFEST_DELETED.subject },
      });
      expect(events.map(({ payload }) => payload)).toEqual([{ repository, digest }]);
    });

    it('soon after the policy of their organisation or repository has changed, and not where it keeps them', async () => {
      const [repository, other] = [await rows.repository(), await rows.repository()];
      const digests = [];
      for (const each of [repository, other]) digests.push(await rows.manifest(each, await image(each)));
      await wake();
      await eventually(
        async () => (await worker.database.prisma.manifest.count({ where: { reviewAfter: null } })) === 2,
        { what: 'both are reviewed, and kept' },
      );
      await set({ repository: other, keep: true });
      expect(await set({ organisation: 'team', afterSeconds: 0 })).toEqual({
        own: 0,
        effective: 0,
        from: 'organisation',
      });
      await goneManifest(repository, digests[0]!);
      expect(await rows.hasManifest(other, digests[1]!)).toBe(true);
      await set({ repository: other });
      await goneManifest(other, digests[1]!);
    });

    it('each once, however many workers there are', async () => {
      const repository = await rows.repository();
      const others = await Promise.all(
        [1, 2].map(() => startInProcess(GcWorkerModule, url, NO_GRACE, new InProcessBus())),
      );
      try {
        for (let n = 0; n < 10; n++) await rows.manifest(repository, await image(repository));
        await set({ repository, afterSeconds: 0 });
        const { manifest, outboxEvent } = worker.database.prisma;
        await eventually(async () => (await manifest.count()) === 0, { what: 'all are gone' });
        expect(await outboxEvent.count({ where: { subject: MANIFEST_DELETED.subject } })).toBe(10);
      } finally {
        for (const other of others) await other.stop();
      }
    });
  });

  it('shares what is due with other workers, instead of doing it beside them', async () => {
    const DUE = 1_000;
    await worker.stop();
    await offline(async (offlineRows, database) => {
      const text = `WITH made AS (INSERT INTO registry.blob (digest, object_key, size)
          SELECT 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'objects/00/due' || n, 1 FROM generate_series(1, ${DUE}) n
          RETURNING digest, size)
        INSERT INTO registry.repository_blob (repository_id, digest, size, review_after)
        SELECT r.id, made.digest, made.size, now() - interval '1 day' FROM made, registry.repository r WHERE r.path = $1`;
      await database.rows({ text }, [await offlineRows.repository()]);
    });
    await startWorker(NO_GRACE);
    const other = await startInProcess(GcWorkerModule, url, NO_GRACE, new InProcessBus());
    const reviews = async (verdict: string) => {
      const texts = await Promise.all([worker, other].map(({ metrics }) => metrics.registry.metrics()));
      const found = new RegExp(`^berth_garbage_reviews_total\\{kind="link",verdict="${verdict}".*\\} (\\d+)$`, 'm');
      return texts.map((text) => Number(found.exec(text)?.[1] ?? 0)).reduce((sum, count) => sum + count, 0);
    };
    try {
      await eventually(async () => (await reviews('removed')) === DUE, { what: 'all are gone', within: 50_000 });
      expect(await reviews('not-due')).toBeLessThan(DUE / 2);
    } finally {
      await other.stop();
    }
  });

  it('does not let what is due wait until all is queued that a changed policy concerns', async () => {
    await worker.stop();
    const { objectKey } = await offline(async (offlineRows, database) => {
      const path = await offlineRows.repository();
      const text = `INSERT INTO registry.untagged_review (organisation_id) SELECT id FROM manage.organisation, generate_series(1, 200)`;
      await database.rows({ text }, []);
      await database.rows({ text: `CREATE TABLE left_to_queue (policies int)` }, []);
      await database.rows(
        {
          text: `CREATE FUNCTION registry.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   INSERT INTO public.left_to_queue SELECT count(*) FROM registry.untagged_review; RETURN OLD; END $$`,
        },
        [],
      );
      await database.rows(
        { text: `CREATE TRIGGER look BEFORE DELETE ON registry.blob FOR EACH ROW EXECUTE FUNCTION registry.look()` },
        [],
      );
      return offlineRows.blob(path);
    });
    await startWorker(NO_GRACE);
    await gone(objectKey);
    const read = (text: string) => worker.database.rows<{ policies: number }>({ text }, []);
    const [seen] = await read('SELECT policies FROM left_to_queue');
    expect(seen!.policies).toBeGreaterThan(0);
    await eventually(
      async () => (await read('SELECT count(*)::int AS policies FROM registry.untagged_review'))[0]!.policies === 0,
      {
        what: 'all is queued, without another event',
      },
    );
  });

  it.each([
    ['fails', 'P0001'],
    ['takes too long', '57014'],
  ])('puts a review off that %s, counts it, and goes on with the others', async (_how, state) => {
    const repository = await rows.repository();
    const poison = await leased.blob(repository);
    await worker.database.rows(
      {
        name: 'poison',
        text: `CREATE FUNCTION registry.poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF OLD.digest = '${poison.digest}' THEN RAISE 'damaged' USING ERRCODE = '${state}'; END IF; RETURN OLD; END $$`,
      },
      [],
    );
    await worker.database.rows(
      {
        name: 'poisoned',
        text: `CREATE TRIGGER poison BEFORE DELETE ON registry.repository_blob FOR EACH ROW EXECUTE FUNCTION registry.poison()`,
      },
      [],
    );
    const sound = await rows.blob(repository);
    await worker.database.prisma.repositoryBlob.updateMany({ data: { reviewAfter: new Date(0) } });
    await wake();
    await eventually(async () => !(await rows.has('blob', sound.objectKey)), { what: 'the other is gone' });
    const link = await worker.database.prisma.repositoryBlob.findFirstOrThrow({ where: { digest: poison.digest } });
    expect(link.reviewAfter!.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    const metrics = await worker.metrics.registry.metrics();
    expect(metrics).toMatch(/^berth_garbage_errors_total\{kind="link",.*\} 1$/m);
    expect(metrics).toMatch(/^berth_garbage_reviews_total\{kind="link",verdict="removed",.*\} 1$/m);
  });

  it.each([
    ['by a trigger', 'P0001'],
    ['as PostgreSQL says it of a block that cannot be read', '58030'],
  ])('sets a review aside that fails and cannot even be put off, %s, counts it, and goes on', async (_how, state) => {
    const repository = await rows.repository();
    const poison = await leased.blob(repository);
    const others = [await rows.blob(repository), await rows.blob(repository)];
    await worker.database.prisma.repositoryBlob.updateMany({ data: { reviewAfter: new Date(Date.now() + 3_600_000) } });
    const sql = (text: string) => worker.database.rows({ name: `poison-${crypto.randomUUID()}`, text }, []);
    await sql(`CREATE FUNCTION registry.poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF OLD.digest = '${poison.digest}' THEN RAISE SQLSTATE '${state}'; END IF; RETURN coalesce(NEW, OLD); END $$`);
    const becomesDue = async (where: object, year: number) => {
      await worker.database.prisma.repositoryBlob.updateMany({
        where,
        data: { reviewAfter: new Date(`${year}-01-01`) },
      });
    };
    await becomesDue({ digest: poison.digest }, 2000);
    await sql(
      `CREATE TRIGGER poison BEFORE UPDATE OR DELETE ON registry.repository_blob FOR EACH ROW EXECUTE FUNCTION registry.poison()`,
    );
    for (const { digest, objectKey } of others) {
      await becomesDue({ digest }, 2010);
      await wake();
      await eventually(async () => !(await rows.has('blob', objectKey)), { what: 'the other is gone' });
    }
    const metrics = await worker.metrics.registry.metrics();
    // The review, and the postponement: and not again each time.
    expect(metrics).toMatch(/^berth_garbage_errors_total\{kind="link",.*\} 2$/m);
    expect(metrics).not.toMatch(/^berth_garbage_errors_total\{kind="collection",.*\} [1-9]/m);
    // What stays due does not keep it busy.
    const looks = jest.spyOn(GarbageStore.prototype, 'dueLinks');
    await delay(1_000);
    expect(looks.mock.calls.length).toBeLessThan(3);
    looks.mockRestore();
  });

  it('is woken by each event that tells of something that may be due', async () => {
    await worker.stop();
    // Nothing else will be due: it sleeps for as long as it may, which is ten seconds.
    await startWorker({ ...NO_GRACE, BERTH_READ_GRANT_SECONDS: '3600' });
    const repository = await rows.repository();
    for (const { subject } of [GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED]) {
      const { objectKey } = await rows.blob(repository);
      const started = performance.now();
      await worker.events.publish(subject, crypto.randomUUID(), {});
      await eventually(async () => !(await rows.has('blob', objectKey)), { what: `${subject} wakes it`, every: 20 });
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });

  /** Rows that are written while no worker runs. */
  async function offline<T>(work: (rows: RegistryRows, database: Database) => Promise<T>): Promise<T> {
    const database = new Database({ url, poolSize: 2, applicationName: 'test' });
    try {
      return await work(new RegistryRows(database, NO_LEASE), database);
    } finally {
      await database.close();
    }
  }
});
