import { anImage, type Blob, eventually, type Image, randomBlob, requireOrSkip } from '@berth/testing';

import { onceAvailable } from '../once-available.js';
import { wholeComparison } from '../whole-comparison.js';
import { RaceStack, reasonAgainstRaces, STARTS_WITHIN } from './race-stack.js';

/** Compared all the time; what is missing three times is believed, and an object without a row is not old for a week. */
const SETTINGS = {
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ABSENCE_CHECKS: '3',
  BERTH_GC_ABSENCE_SECONDS: '1',
  BERTH_GC_SCRUB_BYTES_PER_SECOND: '100000000',
};

requireOrSkip('races of the comparison', reasonAgainstRaces())(
  'rows and objects are compared while the store or the database is in trouble',
  () => {
    let races: RaceStack;
    beforeAll(async () => {
      races = await RaceStack.start(SETTINGS);
    }, STARTS_WITHIN);
    afterEach(async () => {
      await races?.letGo();
      await races?.endsWell();
    });
    afterAll(() => races?.stop());

    const pushImage = async (repository: string): Promise<{ image: Image; layer: Blob; key: string }> => {
      const image = anImage({ layers: 1, layerSize: 100_000 });
      await races.client.push(repository, image, 'v1');
      const [layer] = image.layers as [Blob];
      return { image, layer, key: (await races.content.objectKeyOf(layer.digest))! };
    };
    const suspicionOf = async (digest: string) => {
      const [row] = await races.barriers.rows<{ sightings: number; quarantined: boolean }>(
        `SELECT sightings, quarantined_at IS NOT NULL AS quarantined FROM registry.blob_quarantine WHERE digest = $1`,
        [digest],
      );
      return row ?? null;
    };
    const isSuspected = (digest: string) =>
      eventually(() => suspicionOf(digest), { what: `${digest} is suspected`, within: 60_000 });
    const isQuarantined = (digest: string) =>
      eventually(async () => (await suspicionOf(digest))?.quarantined, {
        what: `${digest} is in quarantine`,
        within: 110_000,
      });
    const aComparison = () => wholeComparison((text) => races.barriers.rows(text));

    describe('an object store in trouble', () => {
      it('R21: what is looked for while the store answers 500 or cuts connections is not even suspected', async () => {
        const { image, layer, key } = await pushImage('races/r21-head');
        const bytes = await races.content.readObject(key);
        const config = (await races.content.objectKeyOf(image.config.digest))!;
        const configBytes = await races.content.readObject(config);
        const refused = [
          races.store.refuse({ method: 'HEAD', key }, 500),
          races.store.refuse({ method: 'HEAD', key: config }, 'cut'),
        ];
        for (const each of [key, config]) await races.content.removeObject(each);
        // storage asks three times before it gives up: whatever comes of that is written by now.
        const asked = () => refused.reduce((sum, { count }) => sum + count, 0);
        await eventually(() => asked() > 9, { what: 'the store fails, again and again', within: 60_000 });
        for (const { digest } of [layer, image.config]) expect(await suspicionOf(digest)).toBeNull();
        await races.content.putObject(key, bytes);
        await races.content.putObject(config, configBytes);
        for (const each of refused) each.stop();
        await races.client.pullAndCompare('races/r21-head', 'v1', image);
      });

      it('R21: an object that is missing once and there again is not in quarantine, and neither is what is 404 for a moment', async () => {
        const { image, layer, key } = await pushImage('races/r21-blip');
        const refused = races.store.refuse({ method: 'HEAD', key }, 404);
        const bytes = await races.content.readObject(key);
        await races.content.removeObject(key);
        await isSuspected(layer.digest);
        await races.content.putObject(key, bytes);
        refused.stop();
        await eventually(async () => (await suspicionOf(layer.digest)) === null, {
          what: 'the suspicion is over',
          within: 60_000,
        });
        await races.client.pullAndCompare('races/r21-blip', 'v1', image);
      });

      it('R21: a scrub that is answered 500, or by a cut connection, again and again, goes on with the others, and serves these when they are read', async () => {
        const [one, other] = [await pushImage('races/r21-scrub-500'), await pushImage('races/r21-scrub-cut')];
        const refused = [
          races.store.refuse({ method: 'GET', key: one.key }, 500),
          races.store.refuse({ method: 'GET', key: other.key }, 'cut'),
        ];
        // Others are read all the time: so it is these objects, and clients are to push them again.
        for (const { layer } of [one, other]) await isQuarantined(layer.digest);
        expect(refused.every(({ count }) => count > 0)).toBe(true);
        for (const each of refused) each.stop();
        for (const { layer } of [one, other]) {
          await eventually(async () => (await suspicionOf(layer.digest)) === null, {
            what: 'its bytes were read, and it is out of quarantine',
            within: 60_000,
          });
        }
        await races.client.pullAndCompare('races/r21-scrub-500', 'v1', one.image);
        await races.client.pullAndCompare('races/r21-scrub-cut', 'v1', other.image);
      });

      it('R21: a deletion that the store refuses is kept and tried again, and the others are done', async () => {
        const blobs = [randomBlob(70_000), randomBlob(70_000)] as const;
        for (const blob of blobs) await races.client.pushBlob('races/r21-delete', blob);
        const [stuck, free] = await Promise.all(
          blobs.map(async ({ digest }) => (await races.content.objectKeyOf(digest))!),
        );
        const refused = races.store.refuse({ method: 'DELETE', key: stuck! }, 500);
        for (const { digest } of blobs) await races.content.passLease(digest);
        await races.collectUntil('the store has refused, and the other object is deleted', async () => {
          await races.content.passWindow();
          return refused.count > 0 && !(await races.content.objects()).includes(free!);
        });
        const noted = () =>
          races.barriers.rows<{ last_error: string | null }>(
            'SELECT last_error FROM registry.object_deletion WHERE object_key = $1 AND last_error IS NOT NULL',
            [stuck],
          );
        await eventually(async () => (await noted()).length > 0, { what: 'the trouble is noted', within: 30_000 });
        expect(await races.content.objects()).toContain(stuck);
        refused.stop();
      });

      it('R21: what is truly missing is in quarantine, reported, and whole again when a client pushes it', async () => {
        const { image, layer, key } = await pushImage('races/r21-missing');
        await races.content.removeObject(key);
        await isQuarantined(layer.digest);
        (await races.client.headBlob('races/r21-missing', layer.digest)).expect(404);
        (await races.client.getBlob('races/r21-missing', layer.digest)).expect(404);
        expect(await races.metric('gc-worker', 'berth_quarantined_blobs')).toBeGreaterThan(0);
        await races.client.push('races/r21-missing', image, 'v1');
        expect(await suspicionOf(layer.digest)).toBeNull();
        await races.client.pullAndCompare('races/r21-missing', 'v1', image);
      });
    });

    describe('a backup that does not fit', () => {
      it('R28: a database that is restored to before the bucket deletes nothing newer, reports it, and is whole when clients push again', async () => {
        const old = await pushImage('races/r28-old');
        await races.quiesce();
        await races.backUpDatabase();
        const fresh = await pushImage('races/r28-new');
        const newer = (await races.content.objects()).length;
        await races.restoreDatabase();
        expect(await races.content.objectKeyOf(fresh.layer.digest)).toBeNull();
        await onceAvailable(() => races.client.pullAndCompare('races/r28-old', 'v1', old.image));
        await aComparison();
        expect(await races.content.objects()).toContain(fresh.key);
        expect((await races.content.objects()).length).toBe(newer);
        expect(await races.metric('gc-worker', 'berth_orphan_objects')).toBeGreaterThan(0);

        await onceAvailable(() => races.client.push('races/r28-new', fresh.image, 'v1'));
        await races.client.pullAndCompare('races/r28-new', 'v1', fresh.image);
        // A week later what nobody has pushed again goes.
        await races.content.passOrphans();
        await races.collectUntil('the objects of nobody are gone', async () => {
          await races.content.passOrphans();
          return !(await races.content.objects()).includes(fresh.key);
        });
      });

      it('R28: a bucket that is restored to before the database keeps what it has, reports the holes, and is whole when clients push again', async () => {
        const old = await pushImage('races/r28-kept');
        const fresh = await pushImage('races/r28-hole');
        const lost = [fresh.key, (await races.content.objectKeyOf(fresh.image.config.digest))!];
        for (const key of lost) await races.content.removeObject(key);
        for (const blob of [fresh.layer, fresh.image.config]) await isQuarantined(blob.digest);
        for (const blob of [fresh.layer, fresh.image.config]) {
          (await races.client.headBlob('races/r28-hole', blob.digest)).expect(404);
        }
        // Nothing new is built on a hole.
        expect((await races.client.mountBlob('races/r28-mount', fresh.layer.digest, 'races/r28-hole')).status).toBe(
          202,
        );
        await races.barriers.rows('DELETE FROM storage.upload_session');
        (await races.client.putManifest('races/r28-hole', 'v2', fresh.image.manifest)).expect(400, 404);
        await races.client.pullAndCompare('races/r28-kept', 'v1', old.image);
        expect(await races.metric('gc-worker', 'berth_quarantined_blobs')).toBeGreaterThan(0);
        await races.client.push('races/r28-hole', fresh.image, 'v1');
        await races.client.pullAndCompare('races/r28-hole', 'v1', fresh.image);
      });
    });
  },
);
