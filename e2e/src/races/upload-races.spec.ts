import {
  aManifest,
  anImage,
  type Blob,
  eventually,
  type HttpAnswer,
  randomBlob,
  requireOrSkip,
  type UploadSession,
} from '@berth/testing';

import { onceAvailable } from '../once-available.js';
import type { Waiter } from './barriers.js';
import { RaceStack, reasonAgainstRaces, STARTS_WITHIN } from './race-stack.js';

/** storage looks for idle uploads in half of this. */
const IDLE_SECONDS = 12;
const MIB = 1 << 20;

requireOrSkip('races of uploads', reasonAgainstRaces())(
  'uploads meet each other, their end, and that of their repository',
  () => {
    let races: RaceStack;
    beforeAll(async () => {
      races = await RaceStack.start({ BERTH_UPLOAD_IDLE_SECONDS: String(IDLE_SECONDS) });
    }, STARTS_WITHIN);
    afterEach(async () => {
      await races?.letGo();
      await races?.endsWell();
    });
    afterAll(() => races?.stop());

    /** An upload that has all of its bytes and is not finished. */
    const complete = async (repository: string, blob: Blob): Promise<UploadSession> => {
      const session = await races.client.startUpload(repository);
      (await session.patch(blob.bytes, 0)).expect(202);
      return session;
    };
    const idOf = (session: UploadSession): string => /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(session.location)![0];
    const isPullable = async (repository: string, blob: Blob) => {
      const { bytes } = (await races.client.getBlob(repository, blob.digest)).expect(200);
      expect(bytes.equals(blob.bytes)).toBe(true);
    };
    /** The first of two that commit the same blob stands there; the other one waits for it. */
    const twoCommits = async (first: () => Promise<HttpAnswer>, second: () => Promise<HttpAnswer>, digest: string) => {
      const place = { table: 'registry.blob', row: { digest }, service: 'registry-v2' };
      const barrier = await races.barriers.stand({ ...place, operation: 'INSERT', moment: 'commit' });
      const one = first();
      const [standing] = (await barrier.reached()) as [Waiter];
      const other = second();
      await races.barriers.untilBlockedBehind(standing);
      return { barrier, standing, one, other };
    };

    describe('of the same bytes to two repositories', () => {
      it('R14: both are committed, and one of the two objects is deleted', async () => {
        const blob = randomBlob(100_000);
        const [a, b] = [await complete('races/r14-a', blob), await complete('races/r14-b', blob)];
        const finish = (session: UploadSession) => () => session.finish(blob.digest);
        const { barrier, one, other } = await twoCommits(finish(a), finish(b), blob.digest);
        await barrier.open();
        for (const answer of await Promise.all([one, other])) answer.expect(201);
        for (const repository of ['races/r14-a', 'races/r14-b']) await isPullable(repository, blob);
        await eventually(async () => (await races.content.objects()).length > 0, { what: 'objects are there' });
        const key = (await races.content.objectKeyOf(blob.digest))!;
        await races.collectUntil('one object is left', async () => (await races.content.queuedObjects()).length === 0);
        expect(await races.content.objects()).toContain(key);
      });

      it('R14: one whose commit fails leaves the other one its bytes, and is finished when it is tried again', async () => {
        const blob = randomBlob(100_000);
        const [a, b] = [await complete('races/r14-c', blob), await complete('races/r14-d', blob)];
        const finish = (session: UploadSession) => () => session.finish(blob.digest);
        const { barrier, standing, one, other } = await twoCommits(finish(a), finish(b), blob.digest);
        await races.barriers.cut(standing);
        await barrier.open();
        (await other).expect(201);
        await isPullable('races/r14-d', blob);
        // Its connection broke: the client was told to try again, or the gateway has done it.
        if ((await one).expect(201, 503).status === 503) {
          await onceAvailable(async () => (await a.finish(blob.digest)).expect(201));
        }
        await isPullable('races/r14-c', blob);
      });

      it('R14: one that is cancelled, or whose bytes are wrong in the end, takes nothing from the other one', async () => {
        const blob = randomBlob(100_000);
        const [cancelled, wrong, right] = await Promise.all(
          ['races/r14-e', 'races/r14-f', 'races/r14-g'].map((repository) => complete(repository, blob)),
        );
        const other = randomBlob(100_000);
        const place = { table: 'registry.blob', row: { digest: blob.digest }, service: 'registry-v2' };
        const barrier = await races.barriers.stand({ ...place, operation: 'INSERT', moment: 'commit' });
        const finished = right!.finish(blob.digest);
        await barrier.reached();
        (await cancelled!.cancel()).expect(204);
        expect((await wrong!.finish(other.digest)).expect(400).codes).toEqual(['DIGEST_INVALID']);
        await barrier.open();
        (await finished).expect(201);
        await wrong!.cancel();
        await isPullable('races/r14-g', blob);
        (await races.client.headBlob('races/r14-e', blob.digest)).expect(404);
        (await races.client.headBlob('races/r14-f', blob.digest)).expect(404);
      });
    });

    describe('that nobody has touched for too long', () => {
      /** storage has found that the upload is idle, and stands before its end. A transfer that is under way says again and again that it is not. */
      const reaperBeforeEndOf = async (session: UploadSession) => {
        const place = { table: 'storage.upload_session', row: { id: idOf(session) }, service: 'storage' };
        const reaper = await races.barriers.stand({ ...place, operation: 'DELETE' });
        const timer = setInterval(() => void races.content.passUpload(idOf(session)), 100);
        await reaper.reached().finally(() => clearInterval(timer));
        return reaper;
      };

      it('R17: one that is being ended when its last bytes come is 404, and leaves nothing', async () => {
        const blob = randomBlob(100_000);
        const session = await races.client.startUpload('races/r17-ended');
        (await session.patch(blob.bytes.subarray(0, 50_000), 0)).expect(202);
        const reaper = await reaperBeforeEndOf(session);
        expect((await session.status()).status).toBe(404);
        const put = await session.finish(blob.digest, blob.bytes.subarray(50_000));
        expect(put.expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        await reaper.open();
        (await races.client.headBlob('races/r17-ended', blob.digest)).expect(404);
      });

      it.each([
        ['small', 50_000, 100_000, 'PUT'],
        ['in parts', 9 * MIB, 18 * MIB, 'PUT'],
      ] as const)(
        'R17: one (%s) that ends while its last bytes are on their way to the store is 404, and leaves neither object nor parts',
        async (how, first, size, method) => {
          const repository = `races/r17-${how.replace(' ', '-')}`;
          const blob = randomBlob(size);
          const session = await races.client.startUpload(repository);
          (await session.patch(blob.bytes.subarray(0, first), 0)).expect(202);
          const held = races.store.hold({ method });
          const put = session.finish(blob.digest, blob.bytes.subarray(first));
          await held.reached();
          // Its transfer says again and again that it is not idle.
          const ended = async () => {
            await races.content.passUpload(idOf(session));
            return !(await races.content.hasUpload(idOf(session)));
          };
          await eventually(ended, { what: 'the upload is ended', within: 60_000, every: 100 });
          held.release();
          expect((await put).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
          (await races.client.headBlob(repository, blob.digest)).expect(404);
          await races.client.pushBlob(repository, blob);
          await isPullable(repository, blob);
        },
      );

      it('R17: one that is resumed by another request leaves the first one 404, and has all bytes once', async () => {
        const blob = randomBlob(100_000);
        const session = await races.client.startUpload('races/r17-resumed');
        const location = session.location;
        let goOn = () => {};
        const end = new Promise<void>((resolve) => (goOn = resolve));
        const slowly = async function* () {
          yield blob.bytes.subarray(0, 60_000);
          await end;
          yield blob.bytes.subarray(60_000);
        };
        const first = session.stream(slowly()).catch((error: Error) => error);
        const isClaimed = () =>
          races.barriers.rows('SELECT 1 FROM storage.upload_session WHERE id = $1 AND claim IS NOT NULL', [
            idOf(session),
          ]);
        await eventually(async () => (await isClaimed()).length > 0, { what: 'the first request has the upload' });
        const again = await races.client.call('PUT', location, ['repository:races/r17-resumed:pull,push'], {
          query: { digest: blob.digest },
          body: blob.bytes,
          headers: { 'content-type': 'application/octet-stream' },
        });
        again.expect(201);
        goOn();
        const lost = await first;
        // An answer, or a connection that ended while the client was sending.
        if (!(lost instanceof Error)) lost.expect(404);
        await isPullable('races/r17-resumed', blob);
      });
    });

    describe('while their repository is deleted', () => {
      const removal = (name: string) => races.manage('DELETE', `races/repos/${name}`);
      const repositories = async (name: string) =>
        races.barriers.rows<{ id: string }>(`SELECT id FROM registry.repository WHERE path = $1`, [`races/${name}`]);

      it('R18: an upload that is committed behind the deletion makes the repository again, whole', async () => {
        const [repository, image] = ['races/r18-upload', anImage({ layers: 1 })];
        await races.client.pushBlob(repository, image.config);
        const place = { table: 'registry.repository', row: { path: repository }, service: 'registry-v2' };
        const barrier = await races.barriers.stand({ ...place, operation: 'DELETE' });
        const removed = removal('r18-upload');
        const [remover] = (await barrier.reached()) as [Waiter];
        const [old] = await repositories('r18-upload');
        const upload = races.client.pushBlob(repository, image.layers[0]!);
        await races.barriers.untilBlockedBehind(remover);
        await barrier.open();
        await upload;
        expect((await removed).status).toBeLessThan(300);
        const [fresh] = await repositories('r18-upload');
        expect(fresh!.id).not.toBe(old!.id);
        (await races.client.headBlob(repository, image.config.digest)).expect(404);
        await races.client.push(repository, image, 'v1');
        await races.client.pullAndCompare(repository, 'v1', image);
      });

      it('R18: a manifest that is committed first keeps the repository, which says that it has images', async () => {
        const [repository, image] = ['races/r18-kept', anImage({ layers: 2 })];
        await races.client.push(repository, image);
        const place = { table: 'registry.tag', row: { name: 'v1' }, service: 'registry-v2' };
        const barrier = await races.barriers.stand({ ...place, operation: 'INSERT', moment: 'commit' });
        const put = races.client.putManifest(repository, 'v1', image.manifest);
        const [pusher] = (await barrier.reached()) as [Waiter];
        const removed = removal('r18-kept');
        await races.barriers.untilBlockedBehind(pusher);
        await barrier.open();
        (await put).expect(201);
        (await removed).expect(406);
        await races.client.pullAndCompare(repository, 'v1', image);
      });

      it('R18: a manifest that comes when its blobs are being taken out is refused as a whole, and nothing of the repository is left', async () => {
        const [repository, image] = ['races/r18-refused', anImage({ layers: 2 })];
        for (const blob of [image.config, ...image.layers]) await races.client.pushBlob(repository, blob);
        const place = { table: 'registry.repository_blob', row: { digest: image.layers[1]!.digest } };
        const barrier = await races.barriers.stand({
          ...place,
          operation: 'DELETE',
          service: 'registry-v2',
          moment: 'commit',
        });
        const removed = removal('r18-refused');
        const [remover] = (await barrier.reached()) as [Waiter];
        const put = races.client.putManifest(repository, 'v1', image.manifest);
        await races.barriers.untilBlockedBehind(remover);
        await barrier.open();
        expect((await put).expect(400, 404).codes).toHaveLength(1);
        expect((await removed).status).toBeLessThan(300);
        expect(await repositories('r18-refused')).toEqual([]);
        await races.client.push(repository, image, 'v1');
        await races.client.pullAndCompare(repository, 'v1', image);
      });

      it('R18: a first push that comes when its organisation is being deleted is refused with nothing left of it, and makes it again when it is tried again', async () => {
        const [organisation, image] = ['races-r18', anImage({ layers: 1 })];
        await races.client.pushBlob(`${organisation}/app`, image.config);
        expect((await races.manage('DELETE', `${organisation}/repos/app`)).status).toBeLessThan(300);
        const place = { table: 'manage.organisation', row: { name: organisation }, service: 'manage' };
        const barrier = await races.barriers.stand({ ...place, operation: 'DELETE' });
        const removed = races.manage('DELETE', organisation);
        const [remover] = (await barrier.reached()) as [Waiter];
        const session = await races.client.startUpload(`${organisation}/app`);
        const upload = session.finish(image.layers[0]!.digest, image.layers[0]!.bytes);
        await races.barriers.untilBlockedBehind(remover);
        await barrier.open();
        expect((await upload).expect(403).codes).toEqual(['DENIED']);
        expect((await removed).status).toBeLessThan(300);
        await races.client.push(`${organisation}/app`, image, 'v1');
        await races.client.pullAndCompare(`${organisation}/app`, 'v1', image);
      });
    });

    it('R20: two deletions and a push of one repository that commit together leave sizes that are the sum of what is there', async () => {
      const [repository, shared] = ['races/r20', randomBlob(50_000)];
      await races.client.pushBlob(repository, shared);
      const manifests = await Promise.all(
        Array.from({ length: 3 }, async () => {
          const own = randomBlob(20_000);
          await races.client.pushBlob(repository, own);
          return aManifest({ config: shared, layers: [shared, own] });
        }),
      );
      const [first, second, third] = manifests as [Blob, Blob, Blob];
      await races.client.pushManifest(repository, first, 'one');
      await races.client.pushManifest(repository, second, 'two');
      const place = { table: 'registry.manifest', service: 'registry-v2', moment: 'commit' as const };
      const deletions = await races.barriers.stand({ ...place, operation: 'DELETE' });
      const insertion = await races.barriers.stand({ ...place, operation: 'INSERT', row: { digest: third.digest } });
      const removed = [first, second].map(({ digest }) => races.client.deleteManifest(repository, digest));
      const [remover] = (await deletions.reached()) as [Waiter];
      // Both let go of the shared layer: the second waits for its link.
      await races.barriers.untilBlockedBehind(remover);
      const put = races.client.putManifest(repository, 'three', third);
      await insertion.reached();
      await deletions.open();
      await insertion.open();
      for (const answer of await Promise.all(removed)) answer.expect(202);
      (await put).expect(201);
      const left = Object.keys(await races.content.leftovers());
      expect(left.filter((name) => name.includes('statistics'))).toEqual([]);
      await races.quiesce();
      const [row] = await races.barriers.rows<{ size: string }>(
        `SELECT s.size FROM registry.repository_statistics s JOIN registry.repository r ON r.id = s.repository_id WHERE r.path = $1`,
        [repository],
      );
      expect(Number(row!.size)).toBe(70_000 + third.size);
    });
  },
);
