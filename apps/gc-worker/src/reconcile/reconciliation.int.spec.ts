import { randomBytes } from 'node:crypto';
import {
  ABORT_OBJECTS,
  CONFIRM_RECONCILIATION,
  DELETE_OBJECTS,
  HASH_OBJECT,
  LIST_OBJECTS,
  SHOW_RECONCILIATION,
  STAT_OBJECTS,
} from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { deployMigrations, ReconciliationStore } from '@berth/metadata';
import { registryError, type RepositoryName } from '@berth/oci';
import { type InProcessService, startInProcess } from '@berth/platform/testing';
import { aManifest, eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { GcWorkerModule } from '../gc-worker.module.js';
import { RegistryRows, type StoredBlob } from '../testing/registry-rows.js';
import { StoredObjects } from '../testing/stored-objects.js';

jest.setTimeout(60_000);

const LEASE = { leaseSeconds: 3_600, pullWindowSeconds: 1 };
/** A comparison behind the other, nothing is too young, and three looks decide at once. */
const HASTY = {
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ORPHAN_SECONDS: '0',
  BERTH_GC_ABSENCE_CHECKS: '3',
  BERTH_GC_ABSENCE_SECONDS: '0',
};
/** One run, and not the next one behind it. */
const ONCE = { BERTH_GC_RECONCILE_SECONDS: '3600', BERTH_GC_ORPHAN_SECONDS: '3600' };
const SCRUBBING = { ...HASTY, BERTH_GC_SCRUB_BYTES_PER_SECOND: '100000000' };
const uuid = () => crypto.randomUUID();
const key = (name: string = uuid()) => `objects/00/${name}`;

describe('the comparison of rows and objects', () => {
  let postgres: TestPostgres;
  let url: string;
  let bus: InProcessBus;
  let stored: StoredObjects;
  let workers: InProcessService[];
  let rows: RegistryRows;
  let repository: RepositoryName;

  beforeAll(async () => {
    postgres = await startPostgres();
    await deployMigrations(await postgres.createDatabase('template_reconcile'));
  });
  beforeEach(async () => {
    url = await postgres.createDatabase(undefined, { template: 'template_reconcile' });
    bus = new InProcessBus();
    stored = new StoredObjects(bus);
    workers = [];
    // Rows are written before any run begins.
    await start({ BERTH_GC_RECONCILE_SECONDS: '0' });
    rows = new RegistryRows(workers[0]!.database, LEASE);
    repository = await rows.repository();
  });
  afterEach(async () => {
    for (const worker of workers.reverse()) await worker.stop().catch(() => undefined);
  });
  afterAll(() => postgres.stop());

  const start = async (env: Record<string, string>) => {
    const worker = await startInProcess(GcWorkerModule, url, env, bus);
    workers.push(worker);
    return worker;
  };
  const show = async () => {
    const store = new ReconciliationStore(workers[0]!.database);
    return { ...(await store.show()), blobs: await store.quarantined(10) };
  };
  const taskOf = async (task: 'objects' | 'scrub') => (await show()).tasks.find((one) => one.task === task)!;
  const runIsOver = (task: 'objects' | 'scrub' = 'objects', within?: number) =>
    eventually(async () => (await taskOf(task)).finishedAt !== null, { what: `the run of ${task} is over`, within });
  const isHeld = (task: 'objects' | 'scrub' = 'objects', within?: number) =>
    eventually(async () => (await taskOf(task)).held !== null, { what: `${task} waits for an operator`, within });
  /** A blob with its object, which a manifest refers to. */
  const blob = async (bytes = randomBytes(10)): Promise<StoredBlob> => {
    const made = await rows.blob(repository, bytes);
    stored.put(made.objectKey, bytes);
    return made;
  };
  const image = async (count: number): Promise<StoredBlob[]> => {
    const blobs = [];
    for (let n = 0; n < count; n++) blobs.push(await blob());
    await rows.manifest(repository, aManifest({ config: blobs[0]!, layers: blobs.slice(1) }));
    return blobs;
  };
  /** To the others its holder is dead. */
  const loseLease = (task: 'objects' | 'scrub') =>
    workers[0]!.database.rows(
      { name: 'test-lose-lease', text: 'UPDATE registry.reconciliation SET lease_until = now() WHERE task = $1' },
      [task],
    );
  const confirm = (held: string, task: 'objects' | 'scrub' = 'objects') =>
    workers[0]!.bus.request(CONFIRM_RECONCILIATION, { task, held });
  const isThere = async (one: StoredBlob) => (await rows.blobs.find(repository, one.digest)) !== null;

  it('leaves what belongs together alone, and says how much that is', async () => {
    const blobs = await image(3);
    // A run behind that one would count anew.
    await start({ ...SCRUBBING, ...ONCE });
    await runIsOver();
    await runIsOver('scrub');
    expect(await taskOf('objects')).toMatchObject({
      objects: 3,
      blobs: 3,
      bytes: 30,
      holes: 0,
      orphans: 0,
      held: null,
    });
    expect(await taskOf('scrub')).toMatchObject({ blobs: 3, bytes: 30, quarantined: 0, skipped: 0 });
    for (const one of blobs) expect([await isThere(one), stored.objects.has(one.objectKey)]).toEqual([true, true]);
    expect(await bus.request(SHOW_RECONCILIATION, { limit: 10 })).toMatchObject({
      ...{ suspects: 0, quarantined: 0, orphans: 0, blobs: [] },
      tasks: [{ task: 'objects' }, { task: 'scrub' }],
    });
  });

  it('removes an object and an upload without a row, and nothing that is not ours', async () => {
    await image(2);
    const orphan = key();
    const [upload, foreign] = [key(), key('foreign file')];
    stored.put(orphan, Buffer.from('left by a crash'), { ageSeconds: 10 });
    stored.put(upload, Buffer.from('half'), { ageSeconds: 10, hidden: true });
    stored.put(foreign, Buffer.from('somebody else'), { ageSeconds: 10 });
    await start(HASTY);
    await eventually(() => !stored.objects.has(orphan) && !stored.objects.has(upload), { what: 'both are gone' });
    expect(stored.asked).toContain(`${ABORT_OBJECTS.subject} ${upload}`);
    expect(stored.objects.has(foreign)).toBe(true);
    expect((await taskOf('objects')).others).toBe(1);
  });

  it('begins a run when it is time, and wakes the collector for what it queues', async () => {
    const [rounds, longestPauseMs] = [8, 5_000];
    await image(2);
    await start(HASTY);
    const began = performance.now();
    for (let round = 0; round < rounds; round++) {
      const orphan = key();
      stored.put(orphan, Buffer.from('left by a crash'), { ageSeconds: 10 });
      await eventually(() => !stored.objects.has(orphan), { what: `orphan ${round} is gone`, within: 15_000 });
    }
    expect(performance.now() - began).toBeLessThan((rounds - 1) * longestPauseMs);
  }, 150_000);

  it('R28: removes nothing that is not old enough, by either clock', async () => {
    await image(2);
    stored.put(key(), Buffer.from('newer than the database'), { ageSeconds: 30 * 86_400 });
    await start({ ...HASTY, BERTH_GC_ORPHAN_SECONDS: '3600' });
    await runIsOver();
    expect(await taskOf('objects')).toMatchObject({ orphans: 0, removed: 0, held: null });
    expect((await show()).orphans).toBe(1);
    expect(stored.objects.size).toBe(3);
  });

  it('stops where so much would go that it cannot be true, and goes on when an operator says so', async () => {
    await image(2);
    for (let n = 0; n < 4; n++) stored.put(key(), Buffer.from('x'), { ageSeconds: 10 });
    await start({ ...HASTY, BERTH_GC_RECONCILE_SECONDS: '3600', BERTH_GC_BRAKE_COUNT: '3' });
    await isHeld();
    expect((await taskOf('objects')).held).toBe('4 of 6 objects are in no row and would be removed');
    expect(stored.objects.size).toBe(6);
    expect(await confirm('3 of 6 objects')).toEqual({ tasks: [] });
    expect(await confirm((await taskOf('objects')).held!, 'scrub')).toEqual({ tasks: [] });
    expect((await taskOf('objects')).held).not.toBeNull();
    expect(await confirm((await taskOf('objects')).held!)).toEqual({ tasks: ['objects'] });
    await eventually(() => stored.objects.size === 2, { what: 'they are gone' });
  });

  it.each(['3', '2'])('removes no more than what was judged, or confirmed (a brake of %s)', async (brake) => {
    await image(2);
    const orphan = () => stored.put(key(), Buffer.from('x'), { ageSeconds: 10 });
    for (let n = 0; n < 3; n++) orphan();
    const sql = (text: string) => workers[0]!.database.rows({ name: `test-more-${uuid()}`, text }, []);
    await sql(`CREATE FUNCTION registry.more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO registry.orphan_object (object_key, size, is_hidden, modified_at)
        SELECT 'objects/00/' || gen_random_uuid(), 1, false, now() FROM generate_series(1, 10);
      RETURN NEW; END $$`);
    // Behind the judgement, and behind the question.
    await sql(`CREATE TRIGGER more BEFORE UPDATE ON registry.reconciliation FOR EACH ROW
      WHEN ((NEW.phase = 'removing' AND OLD.phase <> 'removing') OR (NEW.held IS NOT NULL AND OLD.held IS NULL))
      EXECUTE FUNCTION registry.more()`);
    await start({ ...HASTY, BERTH_GC_RECONCILE_SECONDS: '3600', BERTH_GC_BRAKE_COUNT: brake });
    if (brake === '2') {
      await isHeld();
      await confirm((await taskOf('objects')).held!);
    }
    await runIsOver();
    expect(await taskOf('objects')).toMatchObject({ orphans: 3, removed: 3 });
  });

  it('asks whether so many objects may go though it was told that so many blobs are missing', async () => {
    for (const one of await image(4)) stored.objects.delete(one.objectKey);
    for (let n = 0; n < 4; n++) stored.put(key(), Buffer.from('x'), { ageSeconds: 10 });
    await start({ ...HASTY, BERTH_GC_RECONCILE_SECONDS: '3600', BERTH_GC_BRAKE_COUNT: '3' });
    await isHeld();
    expect(await confirm((await taskOf('objects')).held!)).toEqual({ tasks: ['objects'] });
    await eventually(async () => (await taskOf('objects')).held ?? stored.objects.size === 0, {
      what: 'it asks, or removes',
    });
    expect((await taskOf('objects')).held).toBe('4 of 4 objects are in no row and would be removed');
    expect([stored.objects.size, (await show()).quarantined]).toEqual([4, 4]);
  });

  it.each(['missing', 'size'] as const)(
    'quarantines a blob whose object is not right (%s), and only that',
    async (reason) => {
      const [damaged, ...others] = await image(4);
      stored.objects.delete(damaged!.objectKey);
      if (reason === 'size') stored.put(damaged!.objectKey, Buffer.from('short'));
      await start(HASTY);
      await eventually(async () => !(await isThere(damaged!)), { what: 'it is in quarantine' });
      for (const other of others) expect(await isThere(other)).toBe(true);
      expect((await show()).blobs).toEqual([
        expect.objectContaining({ digest: damaged!.digest, reason, repositories: [repository] }),
      ]);
      const looks = stored.asked.filter((asked) => asked === `${STAT_OBJECTS.subject} ${damaged!.objectKey}`);
      expect(looks.length).toBeGreaterThanOrEqual(3);
      expect(await rows.has('blob', damaged!.objectKey)).toBe(true);
    },
  );

  it('stops where all is missing, and quarantines nothing: it may be the wrong bucket', async () => {
    const blobs = await image(3);
    const kept = new Map(stored.objects);
    stored.objects.clear();
    await start(HASTY);
    await isHeld();
    expect((await taskOf('objects')).held).toMatch(/^3 of 3 blobs have no object/);
    for (const one of blobs) expect(await isThere(one)).toBe(true);
    // The right one is back: the next run finds all of it, and nobody needs to say anything.
    for (const [name, object] of kept) stored.objects.set(name, object);
    await eventually(async () => (await taskOf('objects')).finishedAt !== null, { what: 'a run is over' });
    expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
  });

  it('R21: takes no trouble of the store for an absence: errors, and a 404 that passes', async () => {
    const [damaged, ...others] = await image(3);
    const object = stored.objects.get(damaged!.objectKey)!;
    stored.objects.delete(damaged!.objectKey);
    let looks = 0;
    stored.trouble = (subject) => {
      if (subject !== STAT_OBJECTS.subject) return;
      looks++;
      if (looks === 2) throw registryError('UNAVAILABLE');
      if (looks === 3) stored.objects.set(damaged!.objectKey, object);
    };
    await start({ ...HASTY, BERTH_GC_ABSENCE_CHECKS: '3' });
    await runIsOver();
    expect(looks).toBeGreaterThanOrEqual(3);
    for (const one of [damaged!, ...others]) expect(await isThere(one)).toBe(true);
    expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
  });

  it('goes on by itself when the store was away', async () => {
    const [damaged] = await image(3);
    stored.objects.delete(damaged!.objectKey);
    stored.away();
    await start(HASTY);
    await eventually(() => stored.asked.length > 0, { what: 'it was asked in vain' });
    expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
    stored.back();
    await eventually(async () => !(await isThere(damaged!)), { what: 'it is in quarantine' });
  });

  describe('a scrub', () => {
    it('quarantines what has rotted, when it was hashed twice', async () => {
      const [rotten, ...others] = await image(4);
      stored.rot(rotten!.objectKey);
      await start(SCRUBBING);
      await eventually(async () => !(await isThere(rotten!)), { what: 'it is in quarantine' });
      await runIsOver('scrub');
      for (const other of others) expect(await isThere(other)).toBe(true);
      const hashes = stored.asked.filter((asked) => asked === `${HASH_OBJECT.subject} ${rotten!.objectKey}`);
      expect(hashes.length).toBeGreaterThanOrEqual(2);
      expect((await show()).blobs).toEqual([expect.objectContaining({ digest: rotten!.digest, reason: 'rot' })]);
    });

    it('lets go of what an operator has brought back', async () => {
      const [rotten] = await image(3);
      stored.rot(rotten!.objectKey);
      await start(SCRUBBING);
      await eventually(async () => !(await isThere(rotten!)), { what: 'it is in quarantine' });
      stored.rot(rotten!.objectKey);
      await eventually(() => isThere(rotten!), { what: 'it is out of it' });
    });

    it('believes no hash that was wrong once', async () => {
      const [blamed] = await image(3);
      let hashes = 0;
      stored.rot(blamed!.objectKey);
      stored.trouble = (subject, asked) => {
        if (subject === HASH_OBJECT.subject && asked === blamed!.objectKey && ++hashes === 2) stored.rot(asked);
      };
      await start(SCRUBBING);
      await runIsOver('scrub');
      expect(hashes).toBeGreaterThanOrEqual(2);
      expect(await isThere(blamed!)).toBe(true);
      expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
    });

    it('goes on within an object where another worker was killed', async () => {
      await blob(randomBytes(200_000));
      let pieces = 0;
      const held = holding(() => ++pieces === 3);
      stored.trouble = (subject) => (subject === HASH_OBJECT.subject ? held.pass() : undefined);
      const slow = { ...ONCE, BERTH_GC_SCRUB_BYTES_PER_SECOND: '65536' };
      await start(slow);
      await eventually(() => pieces === 3, { what: 'two pieces are hashed and the third hangs' });
      await loseLease('scrub');
      await start(slow);
      await runIsOver('scrub');
      // Of four pieces the first two were not hashed again, the third was.
      expect(pieces).toBe(5);
      // Who comes back from the dead has nothing to say.
      held.release();
      await workers[1]!.stop();
      expect(await taskOf('scrub')).toMatchObject({ blobs: 1, bytes: 200_000, quarantined: 0 });
    });

    describe('an object whose size is right and whose bytes cannot be read', () => {
      it('is in quarantine, until they can: a list that shows it lifts nothing', async () => {
        const [bad, ...others] = await image(3);
        stored.unreadableBytes.add(bad!.objectKey);
        await start(SCRUBBING);
        await eventually(async () => !(await isThere(bad!)), { what: 'it is in quarantine', within: 40_000 });
        expect((await show()).blobs).toEqual([expect.objectContaining({ digest: bad!.digest, reason: 'unreadable' })]);
        const listed = async () => (await taskOf('objects')).finishedAt!.getTime();
        const before = await listed();
        await eventually(async () => (await listed()) > before + 1_000, { what: 'it was listed again' });
        expect(await isThere(bad!)).toBe(false);
        for (const other of others) expect(await isThere(other)).toBe(true);
        stored.unreadableBytes.clear();
        await eventually(() => isThere(bad!), { what: 'it is out of it', within: 40_000 });
      });

      it('is looked at as often as a missing one, and let go where it is read then', async () => {
        const [bad] = await image(3);
        stored.unreadableBytes.add(bad!.objectKey);
        let suspected = false;
        stored.trouble = async (subject, asked) => {
          if (subject !== HASH_OBJECT.subject || asked !== bad!.objectKey) return;
          suspected ||= (await show()).suspects > 0;
          if (suspected) stored.unreadableBytes.clear();
        };
        await start({ ...SCRUBBING, ...ONCE });
        await runIsOver('scrub', 40_000);
        expect(await taskOf('scrub')).toMatchObject({ blobs: 3, skipped: 1, holes: 1, quarantined: 0 });
        await eventually(async () => suspected && (await show()).suspects === 0, {
          what: 'it is let go',
          within: 40_000,
        });
        expect(await isThere(bad!)).toBe(true);
      });

      it('goes to whoever pushes it again', async () => {
        const [bad] = await image(3);
        stored.unreadableBytes.add(bad!.objectKey);
        await start(SCRUBBING);
        await eventually(async () => !(await isThere(bad!)), { what: 'it is in quarantine', within: 40_000 });
        const again = await blob(Buffer.from(bad!.bytes));
        expect(await rows.blobs.find(repository, bad!.digest)).toMatchObject({ objectKey: again.objectKey });
        expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
      });

      it('says nothing where no other can be read: it is the store', async () => {
        const blobs = await image(3);
        for (const { objectKey } of blobs) stored.unreadableBytes.add(objectKey);
        await start({ ...SCRUBBING, ...ONCE });
        await runIsOver('scrub', 60_000);
        expect(await taskOf('scrub')).toMatchObject({ blobs: 3, skipped: 3, holes: 0 });
        expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
      });

      it('is not believed where too many are: an operator is asked', async () => {
        const blobs = await image(5);
        blobs.sort((a, b) => (a.digest < b.digest ? -1 : 1));
        for (const { objectKey } of blobs.slice(2, 4)) stored.unreadableBytes.add(objectKey);
        await start({ ...SCRUBBING, ...ONCE, BERTH_GC_BRAKE_COUNT: '1' });
        await isHeld('scrub', 60_000);
        expect((await taskOf('scrub')).held).toBe('the bytes of 2 of 3 objects cannot be read');
        expect((await show()).quarantined).toBeLessThanOrEqual(1);
      });
    });

    it('is not stopped by an object that it gets no answer for, and takes that for nothing', async () => {
      const [bad] = await image(3);
      stored.trouble = (subject, asked) => {
        if (subject === HASH_OBJECT.subject && asked === bad!.objectKey) throw registryError('UNAVAILABLE');
      };
      await start({ ...SCRUBBING, ...ONCE });
      await eventually(async () => (await taskOf('scrub')).finishedAt !== null, {
        what: 'the scrub is over',
        within: 40_000,
      });
      expect(await taskOf('scrub')).toMatchObject({ blobs: 3, skipped: 1, quarantined: 0 });
      expect(await isThere(bad!)).toBe(true);
      expect(await show()).toMatchObject({ suspects: 0, quarantined: 0 });
    });

    it('stops where so much has rotted that it cannot be true', async () => {
      const blobs = await image(4);
      for (const one of blobs) stored.rot(one.objectKey);
      await start({ ...SCRUBBING, BERTH_GC_BRAKE_COUNT: '1' });
      await isHeld('scrub');
      expect((await show()).quarantined).toBeLessThanOrEqual(1);
    });
  });

  it('R5: replays a deletion that was under way at a crash, and the blob that came back meanwhile keeps its object', async () => {
    const unprotected = new RegistryRows(workers[0]!.database, { leaseSeconds: 0, pullWindowSeconds: 0 });
    const bytes = randomBytes(10);
    const first = await unprotected.blob(repository, bytes);
    stored.put(first.objectKey, bytes);
    stored.trouble = (subject) => {
      if (subject === DELETE_OBJECTS.subject) throw registryError('UNAVAILABLE');
    };
    await start({ ...HASTY, BERTH_GC_GRACE_SECONDS: '0', BERTH_READ_GRANT_SECONDS: '1' });
    const asked = `${DELETE_OBJECTS.subject} ${first.objectKey}`;
    await eventually(() => stored.asked.includes(asked), { what: 'storage was asked in vain', within: 30_000 });
    const second = await blob(bytes);
    expect(second.digest).toBe(first.digest);
    stored.back();
    await eventually(
      async () => {
        await rows.hurry();
        return !stored.objects.has(first.objectKey);
      },
      { what: 'the first object is gone', every: 500, within: 30_000 },
    );
    expect(stored.objects.get(second.objectKey)?.bytes).toEqual(bytes);
    expect(await rows.blobs.find(repository, second.digest)).toMatchObject({ objectKey: second.objectKey });
  });

  it('is done once by several workers, each page by one of them', async () => {
    await image(3);
    for (let n = 0; n < 2_500; n++) stored.put(key(), Buffer.from('x'));
    stored.asked.length = 0;
    await Promise.all([start(ONCE), start(ONCE), start(ONCE)]);
    await runIsOver();
    const pages = stored.asked.filter((asked) => asked.startsWith(LIST_OBJECTS.subject));
    expect(pages).toHaveLength(4);
    expect(await taskOf('objects')).toMatchObject({ objects: 2_503, blobs: 3, others: 0 });
  });

  it('goes on behind the last page where another worker was killed', async () => {
    await image(2);
    for (let n = 0; n < 1_500; n++) stored.put(key(), Buffer.from('x'));
    let pages = 0;
    const held = holding(() => ++pages === 2);
    stored.trouble = (subject) => (subject === LIST_OBJECTS.subject ? held.pass() : undefined);
    await start(ONCE);
    await eventually(() => pages === 2, { what: 'a page is done and the second hangs' });
    await loseLease('objects');
    await start(ONCE);
    await runIsOver();
    // The page that hung, again, and the one of hidden uploads.
    expect(pages).toBe(4);
    held.release();
    await workers[1]!.stop();
    expect(await taskOf('objects')).toMatchObject({ objects: 1_502, blobs: 2 });
  });
});

/** What passes while `holds` says so waits until it is released. */
function holding(holds: () => boolean) {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  return { release, pass: () => (holds() ? released : undefined) };
}
