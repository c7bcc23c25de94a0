import {
  anImage,
  type Blob,
  eventually,
  exchange,
  type Image,
  randomBlob,
  RegistryClient,
  requireOrSkip,
} from '@berth/testing';

import { onceAvailable } from '../once-available.js';
import type { Waiter } from './barriers.js';
import { RaceStack, reasonAgainstRaces, STARTS_WITHIN } from './race-stack.js';

const REDIRECTED = 1 << 20;

requireOrSkip('races with processes that die', reasonAgainstRaces())('a process dies or stops in a collection', () => {
  let races: RaceStack;
  beforeAll(async () => {
    races = await RaceStack.start(
      { BERTH_REDIRECT: 'true', BERTH_REDIRECT_MIN_BYTES: String(REDIRECTED) },
      { gateway: 2 },
    );
  }, STARTS_WITHIN);
  afterEach(async () => {
    await races?.letGo();
    await races?.endsWell();
  });
  afterAll(() => races?.stop());

  const pushBlobs = async (repository: string): Promise<{ image: Image; layer: Blob; key: string }> => {
    const image = anImage({ layers: 1, layerSize: 100_000 });
    const [layer] = image.layers as [Blob];
    for (const blob of [image.config, layer]) await races.client.pushBlob(repository, blob);
    return { image, layer, key: (await races.content.objectKeyOf(layer.digest))! };
  };
  /** What a client does that wants the image there: HEAD, upload what is missing, manifest, pull. */
  const pushAgain = async (repository: string, image: Image) => {
    await onceAvailable(() => races.client.push(repository, image, 'v1'));
    await onceAvailable(() => races.client.pullAndCompare(repository, 'v1', image));
  };
  const hasObject = async (key: string) => (await races.content.objects()).includes(key);
  const isDeleted = (key: string) => races.collectUntil(`${key} is deleted`, async () => !(await hasObject(key)));

  type Place = Parameters<RaceStack['barriers']['stand']>[0];
  /** A worker of the collector stands at this place, because this link is due. */
  const workerAt = async (place: Place, digest: string) => {
    const barrier = await races.barriers.stand({ ...place, service: 'gc-worker' });
    await races.content.passLease(digest);
    const [worker] = (await races.whileCollecting(barrier.reached())) as [Waiter];
    return { barrier, worker };
  };
  const deletionOfLink = (digest: string): Place => ({
    table: 'registry.repository_blob',
    operation: 'DELETE',
    row: { digest },
  });
  const deletionOfBlob = (digest: string): Place => ({ table: 'registry.blob', operation: 'DELETE', row: { digest } });
  /** The blob's rows are gone, and its object waits for the end of its window. */
  const collected = async (layer: Blob) => {
    await races.content.passLease(layer.digest);
    const isGone = async () => (await races.content.objectKeyOf(layer.digest)) === null;
    await races.collectUntil('the blob is collected', isGone);
  };

  describe('between the rows and the object', () => {
    it('R4: a worker that is killed at its commit leaves the row and the object, or neither row nor promise', async () => {
      const { image, layer, key } = await pushBlobs('races/r4-commit');
      const { barrier, worker } = await workerAt({ ...deletionOfBlob(layer.digest), moment: 'commit' }, layer.digest);
      await races.kill(worker.process);
      // PostgreSQL had its COMMIT: whether it happened, the worker has never learnt.
      await races.barriers.letEnd(barrier, [worker]);
      expect(await hasObject(key)).toBe(true);
      await races.content.everyRowHasItsObject();
      await races.recovered('gc-worker');
      await pushAgain('races/r4-commit', image);
    });

    it('R4: a commit that PostgreSQL does not do leaves all as it was, and is done later', async () => {
      const { image, layer, key } = await pushBlobs('races/r4-undone');
      const { barrier, worker } = await workerAt({ ...deletionOfBlob(layer.digest), moment: 'commit' }, layer.digest);
      await races.barriers.cut(worker);
      expect(await races.content.objectKeyOf(layer.digest)).toBe(key);
      expect(await races.content.queuedObjects()).not.toContain(key);
      await barrier.open();
      await pushAgain('races/r4-undone', image);
      expect(await races.content.objectKeyOf(layer.digest)).not.toBeNull();
    });

    it('R4: a worker that is killed when the object is deleted and its row in the queue is not does it again, and harms no new upload', async () => {
      const { image, layer, key } = await pushBlobs('races/r4-object');
      await collected(layer);
      const place = { table: 'registry.object_deletion', row: { object_key: key }, service: 'gc-worker' };
      const barrier = await races.barriers.stand({ ...place, operation: 'DELETE' });
      await races.content.passWindow();
      const [worker] = (await races.whileCollecting(barrier.reached())) as [Waiter];
      expect(await hasObject(key)).toBe(false);
      await races.kill(worker.process);
      await races.barriers.cut(worker);
      await barrier.open();
      expect(await races.content.queuedObjects()).toContain(key);
      await races.content.everyRowHasItsObject();
      await pushAgain('races/r4-object', image);
      const again = races.store.count({ method: 'DELETE', key });
      await races.content.passWindow();
      await races.collectUntil('it is deleted again', async () => !(await races.content.queuedObjects()).includes(key));
      expect(again()).toBeGreaterThan(0);
      await races.client.pullAndCompare('races/r4-object', 'v1', image);
    });

    it('R4: PostgreSQL is killed when a collection commits, and no row is without its bytes', async () => {
      const { image, layer, key } = await pushBlobs('races/r4-postgres');
      await workerAt({ ...deletionOfBlob(layer.digest), moment: 'commit' }, layer.digest);
      await races.postgres.kill();
      await races.postgres.restart();
      await races.barriers.reconnect();
      for (const service of ['gc-worker', 'registry-v2', 'storage']) await races.recovered(service);
      expect(await races.content.objectKeyOf(layer.digest)).toBe(key);
      expect(await hasObject(key)).toBe(true);
      await pushAgain('races/r4-postgres', image);
    });

    it('R5: a worker that is killed behind its commit has its deletion replayed, and the blob that came back keeps its object', async () => {
      const { image, layer, key } = await pushBlobs('races/r5');
      await collected(layer);
      const held = races.store.hold({ method: 'DELETE', key });
      await races.content.passWindow();
      await races.whileCollecting(held.reached());
      // Both: whichever asked for the deletion has died before it was done.
      for (const pid of races.stack.processes()['gc-worker']!) await races.kill(pid);
      await pushAgain('races/r5', image);
      const fresh = await races.content.objectKeyOf(layer.digest);
      expect(fresh).not.toBe(key);
      held.release();
      await races.recovered('gc-worker');
      await races.content.passWindow();
      await isDeleted(key);
      await races.quiesce();
      expect(await races.content.objectKeyOf(layer.digest)).toBe(fresh);
      await races.client.pullAndCompare('races/r5', 'v1', image);
    });
  });

  describe('a worker that stops and goes on', () => {
    /** It has decided and deleted the link; its transaction is open, and it does nothing any more. */
    const stoppedWorker = async (repository: string) => {
      const pushed = await pushBlobs(repository);
      const { barrier, worker } = await workerAt(deletionOfLink(pushed.layer.digest), pushed.layer.digest);
      // The other one as well: what is due still it would collect meanwhile, as it may.
      for (const pid of races.stack.processes()['gc-worker']!) races.pause(pid);
      await barrier.open();
      await eventually(async () => (await races.barriers.transactionsOf('gc-worker')) > 0, {
        what: 'PostgreSQL has done its statement',
      });
      return { ...pushed, worker };
    };

    it('R6: a worker that went to sleep behind its decision and lost its connection deletes nothing when it wakes up', async () => {
      const { image, layer, key, worker } = await stoppedWorker('races/r6-cut');
      await races.barriers.cut(worker);
      (await races.client.headBlob('races/r6-cut', layer.digest)).expect(200);
      await races.client.pushBlob('races/r6-cut', layer);
      await pushAgain('races/r6-cut', image);
      races.resumeAll();
      await races.recovered('gc-worker');
      await races.quiesce();
      expect(await races.content.objectKeyOf(layer.digest)).toBe(key);
      await races.client.pullAndCompare('races/r6-cut', 'v1', image);
    });

    it('R6: the locks of a worker that sleeps are taken from it, so that pushes go on, and it deletes nothing when it wakes up', async () => {
      const { image, layer } = await stoppedWorker('races/r6-locks');
      await onceAvailable(async () => (await races.client.headBlob('races/r6-locks', layer.digest)).expect(200));
      await pushAgain('races/r6-locks', image);
      const key = await races.content.objectKeyOf(layer.digest);
      races.resumeAll();
      await races.recovered('gc-worker');
      await races.quiesce();
      expect(await races.content.objectKeyOf(layer.digest)).toBe(key);
      await races.client.pullAndCompare('races/r6-locks', 'v1', image);
    });

    it('R6: a worker that slept between the rows and the object deletes the old object alone when it wakes up', async () => {
      const { image, layer, key } = await pushBlobs('races/r6-object');
      await collected(layer);
      const place = { table: 'registry.object_deletion', row: { object_key: key }, service: 'gc-worker' };
      const barrier = await races.barriers.stand({ ...place, operation: 'UPDATE' });
      await races.content.passWindow();
      const [worker] = (await races.whileCollecting(barrier.reached())) as [Waiter];
      races.pause(worker.process);
      await barrier.open();
      await pushAgain('races/r6-object', image);
      // The other one does it meanwhile.
      await races.collectUntil('the old object is deleted', async () => {
        await races.content.passWindow();
        return !(await hasObject(key));
      });
      const again = races.store.count({ method: 'DELETE', key });
      races.resume(worker.process);
      await races.collectUntil('the worker that slept deletes it again', () => again() > 0);
      await races.client.pullAndCompare('races/r6-object', 'v1', image);
    });
  });

  describe('an object store that does not answer', () => {
    it('R27: while the deletion of an object hangs, HEAD, upload and push of the same blob are answered, and no transaction is open', async () => {
      const { image, layer, key } = await pushBlobs('races/r27');
      await collected(layer);
      const held = races.store.hold({ method: 'DELETE', key });
      await races.content.passWindow();
      await races.whileCollecting(held.reached());
      (await races.client.headBlob('races/r27', layer.digest)).expect(404);
      await races.client.pushBlob('races/r27', layer);
      (await races.client.headBlob('races/r27', layer.digest)).expect(200);
      await pushAgain('races/r27', image);
      expect(await races.barriers.transactionsOf('gc-worker')).toBe(0);
      expect(held.keys()).toEqual([key]);
      held.release();
      await isDeleted(key);
    });
  });

  describe('a pull goes on while what it pulls is collected', () => {
    /** Its deletion waits for the window, however often the collector looks. */
    const outlivesItsRow = async (key: string) => {
      const [{ seconds }] = (await races.barriers.rows<{ seconds: number }>(
        `SELECT extract(epoch FROM not_before - now())::float8 AS seconds FROM registry.object_deletion WHERE object_key = $1`,
        [key],
      )) as [{ seconds: number }];
      expect(seconds).toBeGreaterThan(3_000);
      for (let round = 0; round < 5; round++) races.wake();
    };

    it('R15: the rest of a pull by Range, and a URL that was given before, are served until their window is over', async () => {
      const image = anImage({ layers: 5, layerSize: REDIRECTED + 1_000 });
      const last = image.layers[4]!;
      await races.client.push('races/r15', image, 'v1');
      const given = (await races.client.getBlob('races/r15', last.digest)).expect(307).header('location')!;
      const key = (await races.content.objectKeyOf(last.digest))!;

      // The tag moves, and nothing keeps the image any more.
      await races.client.push('races/r15', anImage({ layers: 1 }), 'v1');
      await races.collectUntil('the image is collected', async () => {
        await races.content.passManifestLease(image.manifest.digest);
        for (const { digest } of [image.config, ...image.layers]) await races.content.passLease(digest);
        return (await races.content.objectKeyOf(last.digest)) === null;
      });
      (await races.client.headManifest('races/r15', image.manifest.digest)).expect(404);
      expect(await races.content.queuedObjects()).toContain(key);
      await outlivesItsRow(key);

      const whole = (await exchange({ method: 'GET', url: given })).expect(200);
      expect(whole.bytes.equals(last.bytes)).toBe(true);
      const range = { range: `bytes=1000000-${last.size - 1}` };
      const part = (await exchange({ method: 'GET', url: given, headers: range })).expect(206);
      expect(part.bytes.equals(last.bytes.subarray(1_000_000))).toBe(true);
      await races.content.passWindow();
      await isDeleted(key);
      expect((await exchange({ method: 'GET', url: given })).status).toBe(404);
    });

    it('R15: a pull through the gateway that has begun ends with the last byte', async () => {
      const repository = 'races/r15-stream';
      const layer = randomBlob(900_000);
      await races.client.pushBlob(repository, layer);
      const key = (await races.content.objectKeyOf(layer.digest))!;
      const held = races.store.hold({ method: 'GET', key });
      const pull = races.client.getBlob(repository, layer.digest);
      await held.reached();
      await collected(layer);
      (await races.client.headBlob(repository, layer.digest)).expect(404);
      await outlivesItsRow(key);
      held.release();
      expect((await pull).expect(200).bytes.equals(layer.bytes)).toBe(true);
      expect(await hasObject(key)).toBe(true);
    });
  });

  it('R16: no gateway says of a blob or a manifest what was true before: neither after collection, nor after an upload through another one', async () => {
    const { credentials } = races.stack;
    const gateways = races.gateways().map((base) => new RegistryClient(base, credentials));
    expect(gateways).toHaveLength(2);
    const [repository, image] = ['races/r16', anImage({ layers: 1, layerSize: 1_000 })];
    const [layer] = image.layers as [Blob];
    const answers = async () => {
      const all = gateways.flatMap((gateway) => [
        gateway.headBlob(repository, layer.digest),
        gateway.getBlob(repository, layer.digest),
        gateway.headManifest(repository, image.manifest.digest),
        gateway.getManifest(repository, 'v1'),
      ]);
      return [...new Set((await Promise.all(all)).map(({ status }) => status))];
    };
    for (const [one, other] of [gateways, [...gateways].reverse()]) {
      await one!.push(repository, image, 'v1');
      // Twice: what a gateway keeps, it has kept by now.
      expect([await answers(), await answers()]).toEqual([[200], [200]]);
      (await other!.deleteManifest(repository, image.manifest.digest)).expect(202);
      await collected(layer);
      expect(await answers()).toEqual([404]);
    }
    await races.client.push(repository, image, 'v1');
    expect(await answers()).toEqual([200]);
  });

  it('R29: on a database that only reads, as a replica does, no lease is promised and nothing is collected', async () => {
    const [leased, garbage] = [await pushBlobs('races/r29-leased'), await pushBlobs('races/r29-garbage')];
    const head = async (repository: string, { digest }: Blob) =>
      (await races.client.headBlob(repository, digest)).expect(200);
    // The client has its tokens by now: those are auth's to give, and not what this is about.
    await head('races/r29-leased', leased.layer);
    await head('races/r29-garbage', garbage.layer);
    // Past its half: a HEAD promises it only where it can write that down.
    await races.barriers.rows(
      `UPDATE registry.repository_blob SET review_after = now() + interval '20 minutes' WHERE digest = $1`,
      [leased.layer.digest],
    );
    await races.makeDatabaseReadOnly(true);
    try {
      // What need not be written down is answered, once the services have connected anew.
      await onceAvailable(() => head('races/r29-garbage', garbage.layer));
      (await races.client.headBlob('races/r29-leased', leased.layer.digest)).expect(503);
      await races.content.passLease(garbage.layer.digest);
      const isOfCollector = (line: string) =>
        line.includes('"service":"gc-worker"') && line.includes('read-only transaction');
      const hasTried = () => races.stack.logTail(400).split('\n').some(isOfCollector);
      await races.whileCollecting(eventually(hasTried, { what: 'the collector has tried', within: 30_000 }));
      expect(await races.content.objectKeyOf(garbage.layer.digest)).toBe(garbage.key);
    } finally {
      await races.makeDatabaseReadOnly(false);
    }
    await pushAgain('races/r29-leased', leased.image);
    await pushAgain('races/r29-garbage', garbage.image);
  });
});
