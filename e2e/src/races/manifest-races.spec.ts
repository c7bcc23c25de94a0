import {
  aManifest,
  anImage,
  anIndex,
  type Blob,
  blobOf,
  descriptorOf,
  digestOf,
  eventually,
  type HttpAnswer,
  type Image,
  jsonManifest,
  MEDIA_TYPE,
  randomBlob,
  requireOrSkip,
} from '@berth/testing';

import type { Barrier, Waiter } from './barriers.js';
import { RaceStack, reasonAgainstRaces, STARTS_WITHIN } from './race-stack.js';

requireOrSkip('races of manifests', reasonAgainstRaces())('a manifest is collected while clients use it', () => {
  let races: RaceStack;
  beforeAll(async () => {
    races = await RaceStack.start();
  }, STARTS_WITHIN);
  afterEach(async () => {
    await races?.letGo();
    await races?.endsWell();
  });
  afterAll(() => races?.stop());

  const small = () => anImage({ layers: 1, layerSize: 2_000 });
  const scopes = (repository: string) => ({ scopes: [`repository:${repository}:pull,push`] });
  const isThere = async (repository: string, digest: string) =>
    (await races.client.headManifest(repository, digest)).status === 200;
  const isCollected = (repository: string, digest: string) =>
    races.collectUntil(`${digest} is collected`, async () => !(await isThere(repository, digest)));
  /** An image by its digest alone, whose lease is over unless a test gives it another one. */
  const pushUntagged = async (repository: string): Promise<Image> => {
    const image = small();
    await races.client.push(repository, image);
    return image;
  };

  /** The collector stands before it changes this manifest: with its verdict, and with the locks that it judged under. */
  const collectorDecided = async (operation: 'UPDATE' | 'DELETE', digest: string) => {
    const place = { table: 'registry.manifest', operation, row: { digest }, service: 'gc-worker' };
    const barrier = await races.barriers.stand(place);
    await races.content.passManifestLease(digest);
    const [collector] = (await races.whileCollecting(barrier.reached())) as [Waiter];
    return { barrier, collector };
  };
  /** What the client asks for waits for the locks of the collector, which then goes on. */
  const behind = async <T>({ barrier, collector }: { barrier: Barrier; collector: Waiter }, request: Promise<T>) => {
    await races.barriers.untilBlockedBehind(collector);
    await barrier.open();
    return request;
  };
  /** A request of clients stands before its commit. */
  const standingAtCommit = async (table: string, operation: 'INSERT' | 'DELETE', row: Record<string, string>) =>
    races.barriers.stand({ table, operation, row, service: 'registry-v2', moment: 'commit' });

  it('R8: a tag that is put on a manifest which is being collected makes it again, whole', async () => {
    const image = await pushUntagged('races/r8');
    const decided = await collectorDecided('DELETE', image.manifest.digest);
    const tagged = await behind(decided, races.client.putManifest('races/r8', 'back', image.manifest));
    tagged.expect(201);
    await races.client.pullAndCompare('races/r8', 'back', image);
  });

  it('R8: a tag that is put before the collector has its locks keeps the manifest', async () => {
    const image = await pushUntagged('races/r8-first');
    const commit = await standingAtCommit('registry.tag', 'INSERT', { name: 'back' });
    let put: Promise<HttpAnswer> | undefined;
    let pusher: Waiter | undefined;
    await races.whilePaused('gc-worker', async () => {
      await races.content.passManifestLease(image.manifest.digest);
      put = races.client.putManifest('races/r8-first', 'back', image.manifest);
      [pusher] = await commit.reached();
    });
    await races.whileCollecting(races.barriers.untilBlockedBehind(pusher!));
    await commit.open();
    (await put)!.expect(201);
    await races.quiesce();
    await races.client.pullAndCompare('races/r8-first', 'back', image);
  });

  it('R9: a manifest whose tag is deleted while it is judged to be tagged is collected later', async () => {
    const image = await pushUntagged('races/r9');
    await races.client.pushManifest('races/r9', image.manifest, 'v1');
    const decided = await collectorDecided('UPDATE', image.manifest.digest);
    (await behind(decided, races.client.deleteManifest('races/r9', 'v1'))).expect(202);
    await isCollected('races/r9', image.manifest.digest);
  });

  it('R10: an index whose child is being collected is refused as a whole', async () => {
    const index = anIndex([small(), small()]);
    for (const image of index.images) await races.client.push('races/r10', image);
    const decided = await collectorDecided('DELETE', index.images[0]!.manifest.digest);
    const put = await behind(decided, races.client.putManifest('races/r10', 'v1', index.manifest));
    expect(put.expect(400, 404).codes).toEqual(['MANIFEST_BLOB_UNKNOWN']);
    (await races.client.getManifest('races/r10', 'v1')).expect(404);
    await races.client.push('races/r10', index, 'v1');
    await races.client.pullAndCompare('races/r10', 'v1', index);
  });

  it('R10: an index that comes before the collector has its locks keeps its children', async () => {
    const index = anIndex([small(), small()]);
    for (const image of index.images) await races.client.push('races/r10-first', image);
    const [child] = index.images as [Image];
    const commit = await standingAtCommit('registry.manifest', 'INSERT', { digest: index.manifest.digest });
    const put = races.client.putManifest('races/r10-first', 'v1', index.manifest);
    const [pusher] = (await commit.reached()) as [Waiter];
    await races.content.passManifestLease(child.manifest.digest);
    await races.whileCollecting(races.barriers.untilBlockedBehind(pusher));
    await commit.open();
    (await put).expect(201);
    await races.quiesce();
    await races.client.pullAndCompare('races/r10-first', 'v1', index);
  });

  it('R11: a child that a HEAD finds before its lease is over is there for its index, however long the build takes', async () => {
    const index = anIndex([small(), small()]);
    for (const image of index.images) await races.client.push('races/r11', image);
    for (const { manifest } of index.images) {
      // Nearly over, and then found by who builds.
      await races.barriers.rows(
        `UPDATE registry.manifest SET review_after = now() + interval '20 seconds' WHERE digest = $1`,
        [manifest.digest],
      );
      (await races.client.headManifest('races/r11', manifest.digest, scopes('races/r11'))).expect(200);
      const [{ seconds }] = (await races.barriers.rows<{ seconds: number }>(
        `SELECT extract(epoch FROM review_after - now())::float8 AS seconds FROM registry.manifest WHERE digest = $1`,
        [manifest.digest],
      )) as [{ seconds: number }];
      expect(seconds).toBeGreaterThan(3_000);
    }
    await races.client.pushManifest('races/r11', index.manifest, 'v1');
    await races.quiesce();
    await races.client.pullAndCompare('races/r11', 'v1', index);
  });

  it('R11: a HEAD of a child that comes too late waits and is 404, and the index is refused until the child is pushed again', async () => {
    const index = anIndex([small(), small()]);
    for (const image of index.images) await races.client.push('races/r11-late', image);
    const [child] = index.images as [Image];
    const decided = await collectorDecided('DELETE', child.manifest.digest);
    const head = races.client.headManifest('races/r11-late', child.manifest.digest, scopes('races/r11-late'));
    expect((await behind(decided, head)).status).toBe(404);
    const refused = await races.client.putManifest('races/r11-late', 'v1', index.manifest);
    expect(refused.expect(400, 404).codes).toEqual(['MANIFEST_BLOB_UNKNOWN']);
    await races.client.push('races/r11-late', index, 'v1');
    await races.client.pullAndCompare('races/r11-late', 'v1', index);
  });

  it('R12: a manifest that is pushed and deleted by two clients at once is whole or not there, a hundred times', async () => {
    const image = small();
    await races.client.push('races/r12', image);
    for (let round = 0; round < 100; round++) {
      const [put, removed] = await Promise.all([
        races.client.putManifest('races/r12', 'v1', image.manifest),
        races.client.deleteManifest('races/r12', image.manifest.digest),
      ]);
      put.expect(201);
      removed.expect(202, 404);
      if (round % 10 === 0) races.wake();
    }
    const [wrong] = await races.barriers.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
       WHERE r.path = 'races/r12' AND (SELECT count(*) FROM registry.manifest_blob b WHERE b.manifest_id = m.id) <> 2`,
    );
    expect(wrong!.count).toBe(0);
    await races.client.push('races/r12', image, 'v1');
    await races.client.pullAndCompare('races/r12', 'v1', image);
  });

  it('R12: a push behind the deletion of the same manifest that has not committed makes it again, whole', async () => {
    const image = small();
    await races.client.push('races/r12-behind', image, 'v1');
    const commit = await standingAtCommit('registry.manifest', 'DELETE', { digest: image.manifest.digest });
    const removed = races.client.deleteManifest('races/r12-behind', image.manifest.digest);
    const [remover] = (await commit.reached()) as [Waiter];
    const put = await behind(
      { barrier: commit, collector: remover },
      races.client.putManifest('races/r12-behind', 'v1', image.manifest),
    );
    (await removed).expect(202);
    put.expect(201);
    await races.quiesce();
    await races.client.pullAndCompare('races/r12-behind', 'v1', image);
  });

  describe('referrers', () => {
    const referrerOf = (subject: Blob) => {
      const payload = randomBlob(2_000);
      return {
        payload,
        manifest: aManifest({
          config: payload,
          layers: [payload],
          subject,
          artifactType: 'application/vnd.example.races',
        }),
      };
    };

    it('R19: a referrer that comes before its subject is kept for its lease, and then with the subject', async () => {
      const image = small();
      const { payload, manifest } = referrerOf(image.manifest);
      await races.client.pushBlob('races/r19', payload);
      await races.client.pushManifest('races/r19', manifest);
      for (let round = 0; round < 3; round++) races.wake();
      await races.client.push('races/r19', image, 'v1');
      await races.quiesce();
      const listed = (await races.client.referrers('races/r19', image.manifest.digest)).expect(200);
      expect(listed.json<{ manifests: Blob[] }>().manifests.map(({ digest }) => digest)).toEqual([manifest.digest]);
      (await races.client.getBlob('races/r19', payload.digest)).expect(200);
    });

    it('R19: a referrer that is pushed while its subject is deleted goes when its lease is over', async () => {
      const image = small();
      const { payload, manifest } = referrerOf(image.manifest);
      await races.client.push('races/r19-gone', image, 'v1');
      await races.client.pushBlob('races/r19-gone', payload);
      const commit = await standingAtCommit('registry.manifest', 'INSERT', { digest: manifest.digest });
      const put = races.client.putManifest('races/r19-gone', manifest.digest, manifest);
      await commit.reached();
      (await races.client.deleteManifest('races/r19-gone', image.manifest.digest)).expect(202);
      await commit.open();
      (await put).expect(201);
      expect(await isThere('races/r19-gone', manifest.digest)).toBe(true);
      await races.quiesce();
      expect(await isThere('races/r19-gone', manifest.digest)).toBe(false);
    });

    it('R19: a referrer whose subject is deleted while it is judged to be there is collected later', async () => {
      const image = small();
      const { payload, manifest } = referrerOf(image.manifest);
      await races.client.push('races/r19-judged', image, 'v1');
      await races.client.pushBlob('races/r19-judged', payload);
      await races.client.pushManifest('races/r19-judged', manifest);
      const decided = await collectorDecided('UPDATE', manifest.digest);
      const removed = races.client.deleteManifest('races/r19-judged', image.manifest.digest);
      (await behind(decided, removed)).expect(202);
      await races.quiesce();
      expect(await isThere('races/r19-judged', manifest.digest)).toBe(false);
    });
  });

  it('R22: the deletion of a tag that is for what it named before is refused when a push moves it meanwhile', async () => {
    const [first, second] = [small(), small()];
    await races.client.push('races/r22', first, 'stable');
    await races.client.push('races/r22', second);
    const commit = await races.barriers.stand({
      table: 'registry.tag',
      operation: 'UPDATE',
      row: { name: 'stable' },
      service: 'registry-v2',
      moment: 'commit',
    });
    const moved = races.client.putManifest('races/r22', 'stable', second.manifest);
    const [mover] = (await commit.reached()) as [Waiter];
    const headers = { 'if-match': `"${first.manifest.digest}"` };
    const removed = races.client.deleteManifest('races/r22', 'stable', { headers });
    const refused = await behind({ barrier: commit, collector: mover }, removed);
    (await moved).expect(201);
    expect(refused.status).toBe(412);
    await races.client.pullAndCompare('races/r22', 'stable', second);
  });

  it('R25: everything that an index can hold is traced: what it needs stays, and goes with it', async () => {
    const repository = 'races/r25';
    const { client } = races;
    const roots: string[] = [];
    const put = async (manifest: Blob, tag?: string) => {
      await client.pushManifest(repository, manifest, tag);
      if (tag) roots.push(tag);
    };
    const list = (mediaType: string, parts: Blob[]) =>
      jsonManifest(mediaType, { schemaVersion: 2, mediaType, manifests: parts.map(descriptorOf) });

    // BuildKit's cache: an index whose entries are plain blobs.
    const cached = [randomBlob(1_000), blobOf('{"layers":[]}', MEDIA_TYPE.buildkitCacheConfig)];
    for (const blob of cached) await client.pushBlob(repository, blob);
    await put(jsonManifest(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests: cached.map(descriptorOf) }), 'cache');

    // Indexes of indexes, five deep.
    const leaf = small();
    await client.push(repository, leaf);
    let index = leaf.manifest;
    for (let depth = 1; depth <= 5; depth++) {
      index = list(MEDIA_TYPE.ociIndex, [index]);
      await put(index, depth === 5 ? 'nested' : undefined);
    }

    // Docker's list.
    const docker = anIndex([anImage({ layers: 1, layerSize: 1_000, format: 'docker' })]);
    await client.push(repository, docker, 'docker');
    roots.push('docker');

    // A child, its config and its layer by sha512.
    const by512 = (blob: Blob): Blob => ({ ...blob, digest: digestOf(blob.bytes, 'sha512') });
    const layer512 = by512(randomBlob(1_000));
    await client.pushBlob(repository, layer512);
    const child512 = by512(aManifest({ config: layer512, layers: [layer512] }));
    await put(child512);
    await put(list(MEDIA_TYPE.ociIndex, [child512]), 'sha512');

    // A descriptor with its bytes inline, and a layer that is elsewhere.
    const config = blobOf('{"inline":true}', MEDIA_TYPE.ociConfig);
    const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    await client.pushBlob(repository, config);
    const elsewhere = randomBlob(500);
    const mixed = jsonManifest(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: { ...descriptorOf(config), data: config.bytes.toString('base64') },
      layers: [{ ...descriptorOf({ ...elsewhere, mediaType: foreign }), urls: ['https://elsewhere.example/layer'] }],
    });
    await put(mixed, 'mixed');

    await races.endsWell();
    for (const tag of roots) (await client.getManifest(repository, tag)).expect(200);
    (await client.getBlob(repository, config.digest)).expect(200);
    for (const blob of cached) (await client.getBlob(repository, blob.digest)).expect(200);

    for (const tag of roots) (await client.deleteManifest(repository, tag)).expect(202);
    await races.quiesce();
    await eventually(
      async () => {
        const [row] = await races.barriers.rows<{ count: number }>(
          `SELECT count(*)::int AS count FROM registry.repository_blob rb JOIN registry.repository r ON r.id = rb.repository_id
           WHERE r.path = $1`,
          [repository],
        );
        return row!.count === 0;
      },
      { what: 'nothing of it is left' },
    );
  });
});
