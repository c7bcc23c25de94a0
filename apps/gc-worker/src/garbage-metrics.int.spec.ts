import { randomBytes } from 'node:crypto';
import { CONFIRM_RECONCILIATION, LIST_OBJECTS, MANIFEST_DELETED } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { deployMigrations, ReconciliationStore } from '@berth/metadata';
import { digestOf, registryError, type RepositoryName } from '@berth/oci';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { aManifest, eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { GarbageMetrics } from './garbage-metrics.js';
import { GcWorkerModule } from './gc-worker.module.js';
import { RegistryRows, type StoredBlob } from './testing/registry-rows.js';
import { StoredObjects } from './testing/stored-objects.js';

jest.setTimeout(60_000);

const KINDS = ['manifest', 'link', 'object', 'collection', 'reconciliation'];
const PATIENCE = { timeout: 60_000 };
const QUIET = { BERTH_GC_GRACE_SECONDS: '0', BERTH_READ_GRANT_SECONDS: '1', BERTH_GC_RECONCILE_SECONDS: '0' };
const HASTY = {
  ...QUIET,
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ORPHAN_SECONDS: '0',
  BERTH_GC_ABSENCE_SECONDS: '0',
  BERTH_GC_SCRUB_BYTES_PER_SECOND: '100000000',
};

describe(GarbageMetrics, () => {
  let postgres: TestPostgres;
  let worker: InProcessService;
  let bus: InProcessBus;
  let stored: StoredObjects;
  let rows: RegistryRows;
  /** Whose blobs are protected. */
  let leased: RegistryRows;
  let repository: RepositoryName;

  beforeAll(async () => {
    postgres = await startPostgres();
    await deployMigrations(await postgres.createDatabase('template_metrics'));
  });
  afterEach(() => worker?.stop());
  afterAll(() => postgres.stop());

  const start = async (env: Record<string, string>) => {
    const url = await postgres.createDatabase(undefined, { template: 'template_metrics' });
    bus = new InProcessBus();
    stored = new StoredObjects(bus);
    worker = await startInProcess(GcWorkerModule, url, env, bus);
    rows = new RegistryRows(worker.database, { leaseSeconds: 0, pullWindowSeconds: 0 });
    leased = new RegistryRows(worker.database, { leaseSeconds: 3_600, pullWindowSeconds: 0 });
    repository = await rows.repository();
  };
  const wake = () => worker.events.publish(MANIFEST_DELETED.subject, crypto.randomUUID(), {});
  const sql = (text: string, values: unknown[] = []) =>
    worker.database.rows({ name: `test-${digestOf(Buffer.from(text)).slice(7, 40)}`, text }, values);
  /** The figure of a name, or of a name and a label; 0 where there is none. */
  const figure = async (name: string, label = ''): Promise<number> => {
    const lines = (await worker.metrics.registry.metrics()).split('\n');
    const line = lines.find((one) => one.startsWith(`berth_${name}{`) && one.includes(label));
    return Number(line?.slice(line.lastIndexOf(' ')) ?? 0);
  };
  const figures = (names: string[]) => Promise.all(names.map((name) => figure(name)));
  /** Waits until the figures are these. */
  const becomes = (expected: Record<string, number>, hurry: () => Promise<unknown> = async () => undefined) =>
    eventually(
      async () => {
        await hurry();
        return (await figures(Object.keys(expected))).every((one, n) => one === Object.values(expected)[n]);
      },
      { what: JSON.stringify(expected), within: 30_000, every: 200 },
    );
  const store = (blob: StoredBlob): StoredBlob => {
    stored.put(blob.objectKey, blob.bytes);
    return blob;
  };

  it('tell how much is due of each queue, for how long, and that it is done', async () => {
    await start({ ...QUIET, BERTH_GC_UNTAGGED: '0' });
    const [config, layer] = [await leased.blob(repository), await leased.blob(repository)];
    const digest = await leased.manifest(repository, aManifest({ config, layers: [layer] }));
    const stray = await leased.blob(repository);
    const lengths = ['policies', 'subjects', 'manifests', 'links', 'objects'].map((queue) => `garbage_due_${queue}`);
    const ages = ['manifest', 'link', 'object', 'policy', 'subject'].map((one) => `garbage_oldest_${one}_seconds`);
    await becomes(Object.fromEntries([...lengths, ...ages].map((name) => [name, 0])));
    await worker.database.prisma.$transaction(async (locking) => {
      // The collector waits here, in front of the first manifest.
      await locking.$queryRaw`SELECT FROM registry.untagged_default FOR UPDATE`;
      await sql(`UPDATE registry.manifest SET review_after = now() - interval '100 s' WHERE digest = $1`, [digest]);
      await wake();
      const waits = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      await eventually(async () => (await sql(waits)).length > 0, { what: 'the collector waits' });
      await sql(`UPDATE registry.repository_blob SET review_after = now() - interval '200 s' WHERE digest = $1`, [
        stray.digest,
      ]);
      await sql(
        `INSERT INTO registry.object_deletion (object_key, size, not_before) VALUES ('gone', 7, now() - interval '300 s')`,
      );
      await sql(
        `INSERT INTO registry.untagged_review (repository_id, created_at)
         SELECT id, now() - interval '400 s' FROM registry.repository`,
      );
      await sql(
        `INSERT INTO registry.referrer_release (repository_id, subject_digest, after_digest, created_at)
         SELECT id, 'sha256:0', '', now() - interval '500 s' FROM registry.repository`,
      );
      await becomes(Object.fromEntries(lengths.map((name) => [name, 1])));
      expect((await figures(ages)).map((seconds) => Math.floor(seconds / 100))).toEqual([1, 2, 3, 4, 5]);
    }, PATIENCE);
    const reviewed = async (kind: string) => figure('garbage_reviews_total', `kind="${kind}",verdict="removed"`);
    await becomes({ ...Object.fromEntries([...lengths, ...ages].map((name) => [name, 0])) }, async () => {
      await rows.hurry();
      await wake();
    });
    expect(await reviewed('manifest')).toBe(1);
    expect(await reviewed('link')).toBeGreaterThanOrEqual(1);
  });

  it('count the bytes that are freed, once, by whichever way they came to be deleted', async () => {
    await start(HASTY);
    // Enough that one which is missing is not all of them.
    const kept = [store(await leased.blob(repository)), store(await leased.blob(repository))];
    await rows.manifest(repository, aManifest({ config: kept[0]!, layers: [kept[1]!] }));
    const missing = await leased.blob(repository, randomBytes(1_000));
    await becomes({ quarantined_blobs: 1 });
    const before = await figures(['garbage_deleted_objects_total', 'garbage_freed_bytes_total']);
    expect(before).toEqual([0, 0]);
    store(await rows.blob(repository, randomBytes(100)));
    // Its bytes are there already, under another key.
    const redundant = await leased.blob(await rows.repository(), kept[1]!.bytes);
    stored.put(redundant.objectKey, redundant.bytes);
    const discarded = { objectKey: 'objects/00/discarded', size: 10_000, digest: missing.digest };
    stored.put(discarded.objectKey, randomBytes(10_000));
    await rows.blobs.discard({ ...discarded, repository, sessionId: '', claim: '' });
    stored.put('objects/00/orphan', randomBytes(100_000), { ageSeconds: 10 });
    await rows.blobs.unlink(repository, missing.digest);
    await becomes(
      { garbage_deleted_objects_total: 5, garbage_freed_bytes_total: 110_110, orphans_removed_total: 1 },
      async () => {
        await rows.hurry();
        await wake();
      },
    );
    expect([...stored.objects.keys()].sort()).toEqual(kept.map(({ objectKey }) => objectKey).sort());
    expect(await worker.database.prisma.objectDeletion.count()).toBe(0);
  });

  it('count what went wrong, by what it was about', async () => {
    await start(HASTY);
    const errors = (kind: string) => figure('garbage_errors_total', `kind="${kind}"`);
    // A series that began at its first error would show no rise.
    const lines = (await worker.metrics.registry.metrics()).match(/^berth_garbage_errors_total\{.*$/gm);
    expect(lines?.map((line) => /kind="(\w+)"/.exec(line)![1])).toEqual(KINDS);
    const grows = async (kind: string, hurry: () => Promise<unknown> = wake) => {
      const before = await errors(kind);
      await eventually(async () => (await hurry(), (await errors(kind)) > before), {
        what: kind,
        within: 30_000,
        every: 200,
      });
    };
    stored.trouble = (subject) => {
      if (subject === LIST_OBJECTS.subject) throw registryError('UNAVAILABLE');
    };
    await grows('reconciliation');
    store(await rows.blob(repository));
    stored.away();
    await grows('collection', async () => {
      await rows.hurry();
      await wake();
    });
    expect([await errors('object'), await errors('link'), await errors('manifest')]).toEqual([0, 0, 0]);
    stored.back();
    stored.refusal = 'no permission';
    await grows('object', async () => {
      await rows.hurry();
      await wake();
    });
    expect(await figure('garbage_freed_bytes_total')).toBe(0);
    await sql(
      `CREATE FUNCTION registry.damaged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'damaged'; END $$`,
    );
    for (const table of ['repository_blob', 'manifest']) {
      await sql(`CREATE TRIGGER damaged BEFORE DELETE ON registry.${table} EXECUTE FUNCTION registry.damaged()`);
    }
    await rows.blob(repository);
    await grows('link');
    const config = await leased.blob(repository);
    await leased.manifest(repository, aManifest({ config, layers: [] }));
    await sql(`UPDATE registry.untagged_default SET untagged_after = 0`);
    await sql(`UPDATE registry.manifest SET review_after = now()`);
    await grows('manifest');
  });

  it('look at the tables once for all that they tell of the comparison and the scrub', async () => {
    await start(QUIET);
    const looks = jest.spyOn(ReconciliationStore.prototype, 'show');
    try {
      await worker.metrics.registry.metrics();
      expect(looks).toHaveBeenCalledTimes(1);
    } finally {
      looks.mockRestore();
    }
  });

  it('tell what the comparison and the scrub find, as long as it is so', async () => {
    await start({ ...HASTY, BERTH_GC_ABSENCE_SECONDS: '600', BERTH_GC_ORPHAN_SECONDS: '3600' });
    const blobs = [];
    for (let n = 0; n < 4; n++) blobs.push(store(await leased.blob(repository)));
    await rows.manifest(repository, aManifest({ config: blobs[0]!, layers: blobs.slice(1) }));
    await becomes({
      reconciled_objects: 4,
      reconciled_blobs: 4,
      scrubbed_blobs: 4,
      suspected_blobs: 0,
      orphan_objects: 0,
    });
    const scrubbed = await figure('scrubbed_bytes_total');
    expect(scrubbed).toBeGreaterThanOrEqual(40);
    const { objectKey, bytes } = blobs[1]!;
    stored.objects.delete(objectKey);
    stored.put('objects/00/orphan', randomBytes(5));
    await becomes({ suspected_blobs: 1, orphan_objects: 1, quarantined_blobs: 0 });
    stored.put(objectKey, bytes);
    stored.objects.delete('objects/00/orphan');
    stored.rot(blobs[2]!.objectKey);
    // What is missing is looked at again at its own time, and the run goes on behind that.
    await sql(`UPDATE registry.blob_quarantine SET last_seen = now() - interval '1 hour'`);
    await becomes({ suspected_blobs: 0, orphan_objects: 0, quarantined_blobs: 1 });
    expect(await figure('damaged_blobs_total', 'reason="rot"')).toBe(1);
    expect(await figure('scrubbed_bytes_total')).toBeGreaterThan(scrubbed);
    stored.rot(blobs[2]!.objectKey);
    await becomes({ quarantined_blobs: 0, reconciliation_held: 0 });
    const objects = new Map(stored.objects);
    stored.objects.clear();
    await becomes({ reconciliation_held: 1 });
    for (const [key, object] of objects) stored.objects.set(key, object);
    const [held] = await sql(`SELECT held FROM registry.reconciliation WHERE task = 'objects'`);
    await bus.request(CONFIRM_RECONCILIATION, { task: 'objects', held: held!['held'] });
    await becomes({ reconciliation_held: 0 });
  });
});
