import { randomBytes } from 'node:crypto';
import { MANIFEST_DELETED, SHOW_RECONCILIATION } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { deployMigrations } from '@berth/metadata';
import type { Digest, RepositoryName, Tag } from '@berth/oci';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { aManifest, eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { GcWorkerModule } from './gc-worker.module.js';
import { RegistryRows, type StoredBlob } from './testing/registry-rows.js';
import { StoredObjects } from './testing/stored-objects.js';

jest.setTimeout(150_000);

const HASTY = {
  BERTH_GC_GRACE_SECONDS: '0',
  BERTH_READ_GRANT_SECONDS: '1',
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ORPHAN_SECONDS: '0',
  BERTH_GC_ABSENCE_SECONDS: '0',
  BERTH_GC_SCRUB_BYTES_PER_SECOND: '100000000',
};
const ORPHAN = 'objects/00/orphan';
const HALF = 'objects/00/half';

interface Pushed {
  digest: Digest;
  blobs: StoredBlob[];
}

/** Whatever somebody has done to rows or objects, the worker goes on, and all else is as it was. */
describe('what somebody damaged by hand', () => {
  let postgres: TestPostgres;
  let url: string;
  let worker: InProcessService;
  let stored: StoredObjects;
  let rows: RegistryRows;
  let leased: RegistryRows;
  let repository: RepositoryName;
  let image: Pushed;
  let other: Pushed;

  beforeAll(async () => {
    postgres = await startPostgres();
    await deployMigrations(await postgres.createDatabase('template_damaged'));
  });
  beforeEach(async () => {
    url = await postgres.createDatabase(undefined, { template: 'template_damaged' });
    await startWorker();
    repository = await rows.repository();
    [image, other] = [await push('v1' as Tag), await push('v2' as Tag)];
  });
  afterEach(() => worker.stop());
  afterAll(() => postgres.stop());

  /** On the same rows, and on the objects given. */
  const startWorker = async (settings: Record<string, string> = {}, objects: StoredObjects['objects'] = new Map()) => {
    const bus = new InProcessBus();
    stored = new StoredObjects(bus);
    for (const [key, object] of objects) stored.objects.set(key, object);
    worker = await startInProcess(GcWorkerModule, url, { ...HASTY, ...settings }, bus);
    rows = new RegistryRows(worker.database, { leaseSeconds: 0, pullWindowSeconds: 0 });
    leased = new RegistryRows(worker.database, { leaseSeconds: 3_600, pullWindowSeconds: 0 });
  };
  const restartWorker = async (settings: Record<string, string>) => {
    await worker.stop();
    await startWorker(settings, stored.objects);
  };
  const blob = async (by = leased): Promise<StoredBlob> => {
    const bytes = randomBytes(10);
    const made = await by.blob(repository, bytes);
    stored.put(made.objectKey, bytes);
    return made;
  };
  const pushAgain = async ({ bytes }: StoredBlob): Promise<StoredBlob> => {
    const again = await leased.blob(repository, bytes);
    stored.put(again.objectKey, bytes);
    return again;
  };
  /** Of a deletion; the next one is due at once. */
  const tries = async ({ objectKey }: StoredBlob): Promise<number> => {
    await rows.hurry();
    await wake();
    return (await rows.deletion(objectKey))?.attempts ?? 0;
  };
  const push = async (tag: Tag): Promise<Pushed> => {
    const blobs = [await blob(), await blob(), await blob()];
    return {
      blobs,
      digest: await leased.manifest(repository, aManifest({ config: blobs[0]!, layers: blobs.slice(1) }), [tag]),
    };
  };
  /** As psql does it for who knows how to switch foreign keys and triggers off. */
  const byHand = (...statements: string[]) =>
    worker.database.transaction(async (query) => {
      for (const text of [`SET LOCAL session_replication_role = replica`, ...statements]) {
        await query({ name: `by-hand-${randomBytes(8).toString('hex')}`, text }, []);
      }
    });
  const wake = () => worker.events.publish(MANIFEST_DELETED.subject, crypto.randomUUID(), {});
  const status = () => worker.bus.request(SHOW_RECONCILIATION, { limit: 10 });
  const isQuarantined = async ({ digest }: StoredBlob) => (await status()).blobs.some((one) => one.digest === digest);
  /** Both tasks come to the end of runs that began behind the damage. */
  const runsAreOver = async () => {
    for (let runs = 0; runs < 2; runs++) {
      const finished = async () => (await status()).tasks.map((task) => task.finishedAt ?? 0);
      const before = await finished();
      await eventually(async () => (await finished()).every((at, n) => at > before[n]!), {
        what: 'the comparison and the scrub are over',
        within: 60_000,
      });
    }
  };
  /** Manifests that lack a blob: as the status says it, and as the metric does. */
  const incomplete = async () => {
    const [inStatus] = (await status()).tasks.map((task) => task.incomplete);
    const metrics = await worker.metrics.registry.metrics();
    return [inStatus, Number(/^berth_incomplete_manifests\{.*\} (\d+)$/m.exec(metrics)?.[1])];
  };
  const collected = async ({ objectKey }: StoredBlob) =>
    eventually(
      async () => {
        await rows.hurry();
        await wake();
        return !stored.objects.has(objectKey);
      },
      { what: `${objectKey} is collected`, within: 20_000, every: 100 },
    );
  /** Other garbage goes, what is sound stays, and nothing more is found wrong. */
  const goesOn = async () => {
    await runsAreOver();
    await collected(await blob(rows));
    for (const each of other.blobs) {
      expect([await rows.blobs.find(repository, each.digest), stored.objects.has(each.objectKey)]).toEqual([
        expect.objectContaining({ objectKey: each.objectKey }),
        true,
      ]);
    }
    expect(await rows.hasManifest(repository, other.digest)).toBe(true);
    expect((await status()).tasks.map(({ held }) => held)).toEqual([null, null]);
    const metrics = await worker.metrics.registry.metrics();
    expect(metrics).not.toMatch(/^berth_garbage_errors_total\{kind="(manifest|link|object)",.*\} [1-9]/m);
  };

  it('an order to delete the object of a blob: it is dropped, and what the blob leaves behind is collected later', async () => {
    const [named, going] = [image.blobs[1]!, await blob(rows)];
    const order = (objectKey: string, due: string) =>
      `INSERT INTO registry.object_deletion (object_key, size, not_before) VALUES ('${objectKey}', 10, ${due})`;
    await byHand(order(named.objectKey, 'now()'), order(going.objectKey, `now() + interval '1 day'`));
    await wake();
    await eventually(async () => !(await rows.has('object_deletion', named.objectKey)), { what: 'the order is gone' });
    await goesOn();
    expect(stored.objects.has(named.objectKey)).toBe(true);
    expect(await rows.blobs.find(repository, named.digest)).not.toBeNull();
    // Its row went although an order was there, and the order is the one that counts.
    await collected(going);
  });

  it('an object without a row, and half a multipart upload: both are found, counted and removed', async () => {
    stored.put(ORPHAN, randomBytes(5), { ageSeconds: 10 });
    stored.put(HALF, randomBytes(5), { ageSeconds: 10, hidden: true });
    await eventually(() => !stored.objects.has(ORPHAN) && !stored.objects.has(HALF), { what: 'both are gone' });
    await goesOn();
    expect(await status()).toMatchObject({ orphans: 0, quarantined: 0, suspects: 0 });
    expect(await worker.metrics.registry.metrics()).toMatch(/^berth_orphans_removed_total\{.*\} 2$/m);
  });

  it('a row without its object: only that blob is in quarantine, until its object is there again', async () => {
    const [damaged] = image.blobs;
    stored.objects.delete(damaged!.objectKey);
    await eventually(() => isQuarantined(damaged!), { what: 'it is in quarantine' });
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 1, suspects: 0, blobs: [{ reason: 'missing' }] });
    expect(await worker.metrics.registry.metrics()).toMatch(/^berth_quarantined_blobs\{.*\} 1$/m);
    stored.put(damaged!.objectKey, damaged!.bytes);
    await eventually(async () => !(await isQuarantined(damaged!)), { what: 'it is out of it' });
  });

  it('an object that the store cannot read: only that blob is in quarantine, until it is pushed again', async () => {
    const [damaged] = image.blobs;
    stored.unreadable.add(damaged!.objectKey);
    await eventually(() => isQuarantined(damaged!), { what: 'it is in quarantine', within: 40_000 });
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 1, suspects: 0, blobs: [{ reason: 'unreadable' }] });
    const skipped = async () => (await status()).tasks.find(({ task }) => task === 'scrub')!.skipped;
    await eventually(async () => (await skipped()) === 1, { what: 'the scrub has passed it', within: 40_000 });
    expect(await rows.blobs.find(repository, damaged!.digest)).toBeNull();
    const again = await pushAgain(damaged!);
    expect(await isQuarantined(damaged!)).toBe(false);
    // The store fails at its deletion too: it is tried again, and others are not held up.
    await eventually(async () => (await tries(damaged!)) > 0, { what: 'a deletion was tried', every: 100 });
    await collected(await blob(rows));
    const before = await tries(damaged!);
    await eventually(async () => (await tries(damaged!)) > before, { what: 'it is tried again', every: 100 });
    stored.unreadable.clear();
    await collected(damaged!);
    await runsAreOver();
    expect(await rows.blobs.find(repository, damaged!.digest)).toMatchObject({ objectKey: again.objectKey });
  });

  it('an object that the store can read again: the blob is out of quarantine', async () => {
    const [damaged] = image.blobs;
    stored.unreadable.add(damaged!.objectKey);
    await eventually(() => isQuarantined(damaged!), { what: 'it is in quarantine', within: 40_000 });
    stored.unreadable.clear();
    await eventually(async () => !(await isQuarantined(damaged!)), { what: 'it is out of it', within: 40_000 });
    await goesOn();
  });

  it.each([
    ['is no key of an object', 'objects/../../etc/passwd'],
    ['is too long to be asked for', `objects/${'x'.repeat(1_100)}`],
  ])('a key in a row that %s: only that blob is in quarantine, until it is pushed again', async (_what, key) => {
    const [damaged] = image.blobs;
    await byHand(`UPDATE registry.blob SET object_key = '${key}' WHERE digest = '${damaged!.digest}'`);
    await eventually(() => isQuarantined(damaged!), { what: 'it is in quarantine', within: 40_000 });
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 1, suspects: 0, blobs: [{ reason: 'unreadable' }] });
    const again = await pushAgain(damaged!);
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 0, suspects: 0 });
    expect(await rows.blobs.find(repository, damaged!.digest)).toMatchObject({ objectKey: again.objectKey });
  });

  it('a size in a row that is wrong: a push of the blob makes it right', async () => {
    const [damaged] = image.blobs;
    await byHand(`UPDATE registry.blob SET size = size + 1 WHERE digest = '${damaged!.digest}'`);
    await eventually(() => isQuarantined(damaged!), { what: 'it is in quarantine', within: 40_000 });
    expect(await status()).toMatchObject({ quarantined: 1, blobs: [{ reason: 'size' }] });
    await pushAgain(damaged!);
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 0, suspects: 0 });
    expect(await rows.blobs.find(repository, damaged!.digest)).toMatchObject({ size: damaged!.size });
  });

  it('suspicions of what no blob has: they are forgotten, and the comparison does not wait for them', async () => {
    const suspicion = (digest: string) =>
      `INSERT INTO registry.blob_quarantine (digest, object_key, reason) VALUES ('${digest}', 'objects/00/nobodys', 'missing')`;
    // More than there are blobs: no reason to think that the store is not the right one.
    const nobodys = Array.from({ length: 9 }, (_, n) => suspicion(`sha256:${String(n).repeat(64)}`));
    await byHand(
      suspicion(image.blobs[0]!.digest),
      ...nobodys,
      `UPDATE registry.blob_quarantine SET quarantined_at = now() WHERE digest LIKE 'sha256:1111%'`,
    );
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 0, suspects: 0 });
  });

  it('the policy of the installation is gone: what it kept stays, and a worker that starts writes it again', async () => {
    await byHand(
      'DELETE FROM registry.untagged_default',
      `DELETE FROM registry.tag WHERE name = 'v1'`,
      `UPDATE registry.manifest SET released_at = now() - interval '1 day', review_after = now() WHERE digest = '${image.digest}'`,
    );
    await wake();
    await eventually(
      async () => /^berth_garbage_errors_total\{kind="manifest",.*\} 1$/m.test(await worker.metrics.registry.metrics()),
      {
        what: 'the review says what is wrong',
      },
    );
    await collected(await blob(rows));
    expect(await rows.hasManifest(repository, image.digest)).toBe(true);
    await restartWorker({ BERTH_GC_UNTAGGED: '0' });
    await byHand(`UPDATE registry.manifest SET review_after = now() WHERE digest = '${image.digest}'`);
    await wake();
    await eventually(async () => !(await rows.hasManifest(repository, image.digest)), {
      what: 'the policy counts again',
    });
  });

  it('a manifest that cannot be queued for a changed policy: it is said, and reviews go on', async () => {
    await restartWorker({ BERTH_GC_UNTAGGED: '3600' });
    await byHand(
      `CREATE FUNCTION registry.damaged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'damaged'; END $$`,
      `CREATE TRIGGER damaged BEFORE UPDATE ON registry.manifest FOR EACH ROW WHEN (OLD.digest = '${image.digest}')
         EXECUTE FUNCTION registry.damaged()`,
      `DELETE FROM registry.tag WHERE name = 'v1'`,
      `INSERT INTO registry.untagged_review (organisation_id) VALUES (NULL)`,
    );
    await wake();
    await eventually(
      async () =>
        /^berth_garbage_errors_total\{kind="manifest",.*\} [1-9]/m.test(await worker.metrics.registry.metrics()),
      {
        what: 'it is counted',
      },
    );
    await collected(await blob(rows));
    expect(await worker.metrics.registry.metrics()).not.toMatch(/kind="collection",.*\} [1-9]/m);
  });

  it('objects that the store cannot read, too many at once: it is the store, and nothing is in quarantine', async () => {
    const all = [...image.blobs, ...other.blobs];
    for (const { objectKey } of all) stored.unreadable.add(objectKey);
    const held = async () => (await status()).tasks.find(({ task }) => task === 'objects')!.held;
    await eventually(async () => (await held()) !== null, { what: 'it is held', within: 40_000 });
    expect(await held()).toMatch(/^6 of 6 blobs have no object, or none that can be read/);
    expect(await status()).toMatchObject({ quarantined: 0 });
    stored.unreadable.clear();
    await goesOn();
    expect(await status()).toMatchObject({ quarantined: 0, suspects: 0 });
  });

  it.each([
    ['row', ['blob']],
    ['link', ['repository_blob']],
    ['row and link', ['blob', 'repository_blob']],
  ])('a manifest whose blob has lost its %s: it can be pushed again, and deleted', async (_what, tables) => {
    const [damaged] = image.blobs;
    await byHand(...tables.map((table) => `DELETE FROM registry.${table} WHERE digest = '${damaged!.digest}'`));
    await goesOn();
    // A run that has just begun has found nothing yet.
    await eventually(async () => (await incomplete()).every((count) => count === 1), { what: 'it is counted' });
    expect(await rows.blobs.find(repository, damaged!.digest)).toBeNull();
    expect(await rows.hasManifest(repository, image.digest)).toBe(true);
    await pushAgain(damaged!);
    expect(await rows.blobs.find(repository, damaged!.digest)).not.toBeNull();
    await runsAreOver();
    expect(await incomplete()).toEqual([0, 0]);
    await rows.manifests.delete(repository, image.digest, { subject: MANIFEST_DELETED.subject, payload: {} });
    await goesOn();
    expect(await rows.hasManifest(repository, image.digest)).toBe(false);
  });

  it('a manifest whose blob is gone, deleted as it is: the rest of it goes with it', async () => {
    const [damaged, ...rest] = image.blobs;
    await byHand(
      ...['blob', 'repository_blob'].map(
        (table) => `DELETE FROM registry.${table} WHERE digest = '${damaged!.digest}'`,
      ),
    );
    await rows.manifests.delete(repository, image.digest, { subject: MANIFEST_DELETED.subject, payload: {} });
    await worker.database.prisma.repositoryBlob.updateMany({
      where: { digest: { in: rest.map(({ digest }) => digest) } },
      data: { reviewAfter: new Date(0) },
    });
    for (const each of rest) await collected(each);
    // Its own object has no row any more, and goes as such.
    await collected(damaged!);
    await goesOn();
  });
});
