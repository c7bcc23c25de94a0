import { aManifest, anImage, type Blob, type Image, randomBlob, requireOrSkip } from '@berth/testing';

import { RaceStack, reasonAgainstRaces, STARTS_WITHIN } from './race-stack.js';

requireOrSkip('races of blobs', reasonAgainstRaces())('a blob is collected while clients use it', () => {
  let races: RaceStack;
  beforeAll(async () => {
    races = await RaceStack.start();
  }, STARTS_WITHIN);
  afterEach(async () => {
    await races?.letGo();
    await races?.endsWell();
  });
  afterAll(() => races?.stop());

  /** An image whose blobs are in the repository, without a manifest. */
  const pushBlobs = async (repository: string): Promise<{ image: Image; layer: Blob }> => {
    const image = anImage({ layers: 1, layerSize: 100_000 });
    const [layer] = image.layers as [Blob];
    for (const blob of [image.config, layer]) await races.client.pushBlob(repository, blob);
    return { image, layer };
  };
  const pushTagAndPull = async (repository: string, image: Image) => {
    await races.client.pushManifest(repository, image.manifest, 'v1');
    await races.client.pullAndCompare(repository, 'v1', image);
  };

  /** The collector has decided that this link goes, has its locks, and stands before the deletion. */
  const collectorDecided = async (digest: string, repository: string | null = null) => {
    const place = { table: 'registry.repository_blob', row: { digest }, service: 'gc-worker' };
    const barrier = await races.barriers.stand({ ...place, operation: 'DELETE' });
    await races.content.passLease(digest, repository);
    const [collector] = await races.whileCollecting(barrier.reached());
    return { barrier, collector: collector! };
  };

  /** The collector wants the locks of a blob, which the test has. */
  const collectorComes = async (digest: string, workers = 1) => {
    const lock = await races.barriers.lockRows('SELECT 1 FROM registry.blob WHERE digest = $1', [digest]);
    await races.content.passLease(digest);
    const collectors = await races.whileCollecting(lock.reached(workers));
    const judges = () => races.barriers.letEnd(lock, collectors);
    return { judges, collectors };
  };

  it('R1: a HEAD that is 200 before the collector has its locks keeps the blob for the manifest', async () => {
    const { image, layer } = await pushBlobs('races/r1-kept');
    const { judges } = await collectorComes(layer.digest);
    (await races.client.headBlob('races/r1-kept', layer.digest)).expect(200);
    await judges();
    await pushTagAndPull('races/r1-kept', image);
  });

  it('R1: a HEAD that comes when the collector has decided waits, and is 404: the client uploads', async () => {
    const { image, layer } = await pushBlobs('races/r1-gone');
    const { barrier, collector } = await collectorDecided(layer.digest);
    const head = races.client.headBlob('races/r1-gone', layer.digest);
    await races.barriers.untilBlockedBehind(collector);
    await barrier.open();
    expect((await head).status).toBe(404);
    await races.client.pushBlob('races/r1-gone', layer);
    await pushTagAndPull('races/r1-gone', image);
  });

  it('R2: a blob that was mounted elsewhere outlives the last manifest at home, which is collected without grace', async () => {
    const { image, layer } = await pushBlobs('races/r2-home');
    await races.client.pushManifest('races/r2-home', image.manifest, 'v1');
    for (const blob of [image.config, layer]) {
      (await races.client.mountBlob('races/r2-away', blob.digest, 'races/r2-home')).expect(201);
    }
    (await races.client.deleteManifest('races/r2-home', image.manifest.digest)).expect(202);
    const { barrier } = await collectorDecided(layer.digest, 'races/r2-home');
    await barrier.open();
    await races.collectUntil('the link at home is gone', async () => {
      return (await races.client.headBlob('races/r2-home', layer.digest)).status === 404;
    });
    await pushTagAndPull('races/r2-away', image);
  });

  it('R2: a mount that comes when the collector has decided on the last link opens an upload instead', async () => {
    const { image, layer } = await pushBlobs('races/r2-late');
    (await races.client.mountBlob('races/r2-later', image.config.digest, 'races/r2-late')).expect(201);
    const { barrier, collector } = await collectorDecided(layer.digest);
    const mount = races.client.mountBlob('races/r2-later', layer.digest, 'races/r2-late');
    await races.barriers.untilBlockedBehind(collector);
    await barrier.open();
    const session = (await mount).expect(202).header('location')!;
    (await races.client.call('DELETE', session, ['repository:races/r2-later:pull,push'])).expect(204);
    await races.client.pushBlob('races/r2-later', layer);
    await pushTagAndPull('races/r2-later', image);
  });

  it('R3: an upload of the same bytes that is committed behind a decided collection has bytes of its own', async () => {
    const { image, layer } = await pushBlobs('races/r3');
    const old = await races.content.objectKeyOf(layer.digest);
    const { barrier, collector } = await collectorDecided(layer.digest);
    const upload = races.client.pushBlob('races/r3', layer);
    await races.barriers.untilBlockedBehind(collector);
    await barrier.open();
    await upload;
    expect(await races.content.objectKeyOf(layer.digest)).not.toBe(old);
    await races.content.passWindow();
    await races.collectUntil('the old object is deleted', async () => !(await races.content.objects()).includes(old!));
    await pushTagAndPull('races/r3', image);
  });

  it('R3: an upload that is committed before the collector has its locks keeps the bytes that were there', async () => {
    const { image, layer } = await pushBlobs('races/r3-first');
    const old = await races.content.objectKeyOf(layer.digest);
    const { judges } = await collectorComes(layer.digest);
    await races.client.pushBlob('races/r3-first', layer);
    await judges();
    expect(await races.content.objectKeyOf(layer.digest)).toBe(old);
    await pushTagAndPull('races/r3-first', image);
  });

  it('R7: two workers and events that come twice remove one blob once, and its object once', async () => {
    const { layer } = await pushBlobs('races/r7');
    const key = (await races.content.objectKeyOf(layer.digest))!;
    const errors = await races.metric('gc-worker', 'berth_garbage_errors_total');
    const deletions = races.store.count({ method: 'DELETE', key });
    const { judges, collectors } = await collectorComes(layer.digest, 2);
    expect(new Set(collectors.map((collector) => collector.process)).size).toBe(2);
    await judges();
    expect(await races.content.objectKeyOf(layer.digest)).toBeNull();
    expect((await races.content.queuedObjects()).filter((queued) => queued === key)).toHaveLength(1);

    // One takes the object, and stands there; the other one passes over it, and deletes what is due behind it.
    const barrier = await races.barriers.stand({
      table: 'registry.object_deletion',
      operation: 'UPDATE',
      row: { object_key: key },
      service: 'gc-worker',
    });
    await races.content.passWindow();
    await races.whileCollecting(barrier.reached());
    const next = randomBlob(70_000);
    await races.client.pushBlob('races/r7', next);
    const nextKey = (await races.content.objectKeyOf(next.digest))!;
    await races.content.passLease(next.digest);
    await races.collectUntil('the other worker has come by', async () => {
      await races.content.passWindow();
      return !(await races.content.objects()).includes(nextKey);
    });
    expect(await races.content.objects()).toContain(key);
    await barrier.open();
    await races.collectUntil('the object is deleted', async () => !(await races.content.objects()).includes(key));
    await races.collectUntil('its row is gone', async () => !(await races.content.queuedObjects()).includes(key));
    await races.quiesce();
    expect(deletions()).toBe(1);
    expect(await races.metric('gc-worker', 'berth_garbage_errors_total')).toBe(errors);
  });

  it('R13: a manifest whose fourth layer goes between the look and the insert is refused as a whole, and complete later', async () => {
    const image = anImage({ layers: 5, layerSize: 1_000 });
    for (const blob of [image.config, ...image.layers]) await races.client.pushBlob('races/r13', blob);
    const place = { table: 'registry.manifest', row: { digest: image.manifest.digest }, service: 'registry-v2' };
    const barrier = await races.barriers.stand({ ...place, operation: 'INSERT' });
    const put = races.client.putManifest('races/r13', 'v1', image.manifest);
    await barrier.reached();
    const fourth = image.layers[3]!;
    await races.content.passLease(fourth.digest);
    await races.collectUntil('the layer is collected', async () => !(await races.content.objectKeyOf(fourth.digest)));
    await barrier.open();
    expect((await put).expect(404, 400).codes).toEqual(['MANIFEST_BLOB_UNKNOWN']);
    (await races.client.getManifest('races/r13', 'v1')).expect(404);
    (await races.client.getManifest('races/r13', image.manifest.digest)).expect(404);

    await races.client.pushBlob('races/r13', fourth);
    await pushTagAndPull('races/r13', image);
    await races.quiesce();
    await races.client.pullAndCompare('races/r13', 'v1', image);
  });

  it('R24: manifests that share fifty layers in opposite order are pushed and deleted during collection, and nobody sees a deadlock', async () => {
    const layers = Array.from({ length: 50 }, () => randomBlob(100));
    const [up, down] = [
      aManifest({ config: layers[0], layers }),
      aManifest({ config: layers[0], layers: [...layers].reverse() }),
    ];
    const [tagUp, tagDown] = ['up', 'down'];
    const repositories = ['races/r24-a', 'races/r24-b'];
    // Keeps the layers, whose links are reviewed all the time.
    const anchor = aManifest({ config: layers[0], layers, annotations: { of: 'anchor' } });
    for (const repository of repositories) {
      for (const layer of layers) await races.client.pushBlob(repository, layer);
      await races.client.pushManifest(repository, anchor, 'anchor');
    }
    const reviews = () => races.metric('gc-worker', 'berth_garbage_reviews_total');
    const reviewed = await reviews();
    const answers: number[] = [];
    const rounds = async (repository: string, tag: string, manifest: Blob) => {
      for (let round = 0; round < 12; round++) {
        for (const layer of layers) await races.content.passLease(layer.digest, repository);
        races.wake();
        answers.push((await races.client.putManifest(repository, tag, manifest)).status);
        races.wake();
        answers.push((await races.client.deleteManifest(repository, manifest.digest)).status);
      }
    };
    await Promise.all(
      repositories.flatMap((repository) => [rounds(repository, tagUp, up), rounds(repository, tagDown, down)]),
    );
    expect([...new Set(answers)].sort()).toEqual([201, 202]);
    // All of the links more than once: the collector was among them.
    expect((await reviews()) - reviewed).toBeGreaterThan(2 * repositories.length * layers.length);
  });

  it('R26: the empty config of ten thousand repositories is given up by all but one, and stays whole there', async () => {
    const empty = randomBlob(70_000);
    const manifest = aManifest({ config: empty, layers: [empty] });
    await races.client.pushBlob('races/r26-last', empty);
    await races.barriers.rows(
      `WITH made AS (INSERT INTO registry.repository (organisation_id, path)
         SELECT organisation_id, 'races/r26-' || n FROM registry.repository, generate_series(1, 10000) n
         WHERE path = 'races/r26-last' RETURNING id)
       INSERT INTO registry.repository_blob (repository_id, digest, size, review_after)
       SELECT id, $1, $2, now() - interval '1 second' FROM made`,
      [empty.digest, empty.size],
    );
    // Clients go on with the blob while all of its links are reviewed.
    let pushes = 0;
    await races.collectUntil('all other links are gone', async () => {
      const repository = `races/r26-push-${pushes++ % 5}`;
      (await races.client.mountBlob(repository, empty.digest, 'races/r26-last')).expect(201);
      await races.client.pushManifest(repository, manifest, 'v1');
      const [links] = await races.barriers.rows<{ count: number }>(
        `SELECT count(*)::int AS count FROM registry.repository_blob WHERE digest = $1 AND review_after <= now()`,
        [empty.digest],
      );
      return links!.count === 0;
    });
    await races.client.pushManifest('races/r26-last', manifest, 'v1');
    expect((await races.client.getBlob('races/r26-last', empty.digest)).expect(200).bytes).toEqual(empty.bytes);
  });
});
