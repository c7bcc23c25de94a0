import { MemoryBlobStore, StoreUnavailable } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { digestOf, parseRepositoryName, RegistryError } from '@berth/oci';
import { eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { brokenOff, chunksOf, HandFedBody } from '../testing/bodies.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { age, expire, expiryOf, openMigrated } from '../testing/upload-database.js';
import { AppendUpload } from './append-upload.js';

jest.setTimeout(60_000);
/** Every 30 s an append looks whether it still holds its claim: who waits for that has not been stopped. */
const SHORT_OF_KEEP_ALIVE = 15_000;

const UNKNOWN = { code: 'BLOB_UPLOAD_UNKNOWN', status: 404 };

describe(AppendUpload, () => {
  let postgres: TestPostgres;
  let database: Database;
  let storage: StorageProcess;
  beforeAll(async () => {
    postgres = await startPostgres();
    database = await openMigrated(await postgres.createDatabase());
  });
  beforeEach(() => {
    storage = new StorageProcess(database, new MemoryBlobStore());
  });
  afterAll(async () => {
    await database.close();
    await postgres.stop();
  });

  describe('chunk by chunk', () => {
    it('says after each how far the session is, and the bytes are one behind the other', async () => {
      const session = await storage.start();
      expect(await storage.send(session, 'one', { start: 0 })).toEqual({ offset: 3 });
      expect(await storage.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
      expect(await storage.send(session, 'three')).toEqual({ offset: 11 });
      const { objectKey, size } = await storage.finish(session, 'onetwothree');
      expect(size).toBe(11);
      expect(await storage.contentOf(objectKey)).toBe('onetwothree');
      expect(await storage.keys()).toEqual([objectKey]);
    });

    it('takes an empty chunk at any point', async () => {
      const session = await storage.start();
      expect(await storage.send(session, chunksOf())).toEqual({ offset: 0 });
      expect(await storage.send(session, 'one')).toEqual({ offset: 3 });
      expect(await storage.send(session, chunksOf())).toEqual({ offset: 3 });
      const { objectKey } = await storage.finish(session, 'one');
      expect(await storage.contentOf(objectKey)).toBe('one');
    });

    it.each([0, 2, 4, 1_000])('refuses one that starts at %d of 3 with 416, and goes on at 3', async (start) => {
      const session = await storage.start();
      await storage.send(session, 'one');
      expect(await failureOf(storage.grant(session, { start }))).toMatchObject({
        code: 'BLOB_UPLOAD_INVALID',
        status: 416,
        detail: { offset: 3, start },
      });
      expect(await storage.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
    });

    it.each(['tw', 'two and a half', ''])('keeps nothing of %p where three bytes were declared', async (bytes) => {
      const session = await storage.start();
      await storage.send(session, 'one');
      const before = await storage.keys();
      for (const options of [{ length: 3 }, { length: 3, digest: digestOf(Buffer.from(`one${bytes}`)) }]) {
        const body = chunksOf(...bytes.split(' '));
        const failure = await failureOf(storage.send(session, body, options));
        expect(failure).toMatchObject({ code: 'SIZE_INVALID', status: 400 });
        expect(await storage.offsetOf(session)).toBe(3);
        expect(await storage.keys()).toEqual(before);
      }
      expect(await storage.send(session, 'two', { start: 3, length: 3 })).toEqual({ offset: 6 });
      const { objectKey } = await storage.finish(session, 'onetwo');
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
    });

    it('keeps the grant of somebody else alive when a chunk out of order is refused', async () => {
      const session = await storage.start();
      const grant = await storage.grant(session, { start: 0 });
      await failureOf(storage.grant(session, { start: 7 }));
      expect(await storage.append.run(grant, chunksOf('one'))).toEqual({ offset: 3 });
    });
  });

  describe('a grant', () => {
    it('is for one transfer', async () => {
      const session = await storage.start();
      const grant = await storage.grant(session);
      await storage.append.run(grant, chunksOf('one'));
      expect(await failureOf(storage.append.run(grant, chunksOf('two')))).toMatchObject(UNKNOWN);
      expect(await storage.offsetOf(session)).toBe(3);
    });

    it('is of this process', async () => {
      const other = new StorageProcess(database, storage.store);
      const grant = await storage.grant(await storage.start());
      expect(await failureOf(other.append.run(grant, chunksOf('one')))).toMatchObject(UNKNOWN);
      expect(await failureOf(storage.append.run('nonsense', chunksOf('one')))).toMatchObject(UNKNOWN);
    });

    it('is not given for the session of another repository, or none', async () => {
      const sessionId = await storage.start();
      const repository = parseRepositoryName('team/other');
      expect(await failureOf(storage.append.grant({ repository, sessionId }))).toMatchObject(UNKNOWN);
      expect(await failureOf(storage.append.grant({ repository, sessionId, start: 5 }))).toMatchObject(UNKNOWN);
      expect(await failureOf(storage.grant(crypto.randomUUID()))).toMatchObject(UNKNOWN);
    });

    it('is not given for a session that has expired', async () => {
      const session = await storage.start();
      await expire(database, session);
      expect(await failureOf(storage.grant(session))).toMatchObject(UNKNOWN);
      expect(await failureOf(storage.offsetOf(session))).toMatchObject(UNKNOWN);
    });

    it('is not given for a session that is too old, however lately it was touched', async () => {
      const week = 7 * 86_400;
      const session = await storage.start();
      await storage.send(session, 'one');
      await age(database, session, week - 60);
      expect(await storage.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
      await age(database, session, week);
      for (const options of [{}, { start: 6 }, { start: 0 }, { digest: digestOf(Buffer.from('onetwo')) }]) {
        expect(await failureOf(storage.grant(session, options))).toMatchObject(UNKNOWN);
      }
      expect(await failureOf(storage.finish(session, 'onetwo'))).toMatchObject(UNKNOWN);
      expect(await failureOf(storage.offsetOf(session))).toMatchObject(UNKNOWN);
    });
  });

  describe('the whole blob in one append', () => {
    const digest = digestOf(Buffer.from('whole'));

    it('is an object at once, and the answer says which', async () => {
      const session = await storage.start();
      const { offset, completed } = await storage.send(session, 'whole', { digest });
      expect([offset, completed?.size]).toEqual([5, 5]);
      expect(await storage.contentOf(completed!.objectKey)).toBe('whole');
      expect((await storage.sessions.find({ sessionId: session, repository: REPOSITORY }))?.claim).toBe(
        completed!.claim,
      );
      expect(await storage.keys()).toEqual([completed!.objectKey]);
    });

    it('by sha512 too, where that was announced; otherwise it is left to the completion', async () => {
      const sha512 = digestOf(Buffer.from('whole'), 'sha512');
      const announced = await storage.start('sha512');
      expect((await storage.send(announced, 'whole', { digest: sha512 })).completed).toBeDefined();
      const unannounced = await storage.start();
      expect(await storage.send(unannounced, 'whole', { digest: sha512 })).toEqual({ offset: 5 });
      expect((await storage.finish(unannounced, 'whole', 'sha512')).size).toBe(5);
    });

    it('of no bytes at all', async () => {
      const nothing = digestOf(Buffer.alloc(0));
      const { completed } = await storage.send(await storage.start(), '', { digest: nothing });
      expect(completed?.size).toBe(0);
    });

    it('is none where it hashes to something else, and the session stays open', async () => {
      const session = await storage.start();
      expect(await storage.send(session, 'other', { digest })).toEqual({ offset: 5 });
      expect(await storage.offsetOf(session)).toBe(5);
      expect(await failureOf(storage.finish(session, 'whole'))).toMatchObject({ code: 'DIGEST_INVALID' });
      expect((await storage.finish(session, 'other')).size).toBe(5);
    });

    it('is none where the sender goes away, even when what arrived has the digest', async () => {
      const session = await storage.start();
      expect(await failureOf(storage.send(session, brokenOff('whole'), { digest }))).toMatchObject({
        code: 'BLOB_UPLOAD_INVALID',
      });
      expect(await storage.offsetOf(session)).toBe(5);
    });

    it('is none where bytes were there before', async () => {
      const session = await storage.start();
      await storage.send(session, 'who');
      expect(await storage.send(session, 'le', { digest })).toEqual({ offset: 5 });
      expect((await storage.finish(session, 'whole')).size).toBe(5);
    });
  });

  describe('a sender that goes away', () => {
    it('leaves what has arrived, the offset says so, and the next one goes on behind it', async () => {
      const session = await storage.start();
      expect(await failureOf(storage.send(session, brokenOff('on', 'e')))).toMatchObject({
        code: 'BLOB_UPLOAD_INVALID',
        status: 400,
      });
      expect(await storage.offsetOf(session)).toBe(3);
      await storage.send(session, 'two', { start: 3 });
      const { objectKey } = await storage.finish(session, 'onetwo');
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
    });

    it('before the first byte leaves the session as it was', async () => {
      const session = await storage.start();
      await storage.send(session, 'one');
      await failureOf(storage.send(session, brokenOff()));
      expect(await storage.offsetOf(session)).toBe(3);
      expect((await storage.finish(session, 'one')).size).toBe(3);
    });

    it('in the middle of what was announced as the last chunk can still be gone on with', async () => {
      const session = await storage.start();
      const digest = digestOf(Buffer.from('onetwo'));
      await failureOf(storage.send(session, brokenOff('one'), { digest }));
      expect(await storage.send(session, 'two', { start: 3, digest })).toEqual({ offset: 6 });
      expect((await storage.finish(session, 'onetwo')).size).toBe(6);
    });
  });

  describe('a process that ends while bytes flow', () => {
    it('keeps what has arrived, says that it is away, and another one goes on behind it', async () => {
      const session = await storage.start();
      const other = new StorageProcess(database, storage.store);
      const sender = new HandFedBody().send('one');
      const digest = digestOf(Buffer.from('onetwo'));
      const append = failureOf(storage.send(session, sender, { digest, length: 6 }));
      await eventually(() => sender.asked > 1, { what: 'the append is under way' });
      storage.active.stopAll();
      expect(await append).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
      expect(sender.letGo).toBe(true);
      expect(await other.offsetOf(session)).toBe(3);
      expect(await other.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
      const { objectKey } = await other.finish(session, 'onetwo');
      expect(await other.contentOf(objectKey)).toBe('onetwo');
    });
  });

  it('keeps its session alive while its sender is slow, however soon that would expire', async () => {
    const slow = new StorageProcess(database, storage.store, { BERTH_UPLOAD_IDLE_SECONDS: '6' });
    const session = await slow.start();
    const sender = new HandFedBody().send('one');
    const append = slow.send(session, sender);
    await eventually(() => sender.asked > 1, { what: 'the append is under way' });
    const expiry = await expiryOf(database, session);
    await eventually(async () => (await expiryOf(database, session)) > expiry, { what: 'the expiry is pushed out' });
    sender.end();
    expect(await append).toEqual({ offset: 3 });
  });

  describe('a store that fails', () => {
    it('leaves the session where it was, and the same chunk can be sent again', async () => {
      const session = await storage.start();
      await storage.send(session, 'one');
      const away = jest.spyOn(storage.store, 'append').mockRejectedValueOnce(new StoreUnavailable('append', 'away'));
      expect(await failureOf(storage.send(session, 'two', { start: 3 }))).toBeInstanceOf(StoreUnavailable);
      away.mockRestore();
      expect(await storage.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
      const { objectKey } = await storage.finish(session, 'onetwo');
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
    });
  });

  describe('a retry while the first try is still under way', () => {
    it('takes over: the first fails, its bytes never mix in, and what it wrote is removed', async () => {
      const session = await storage.start();
      await storage.send(session, 'one');
      const sender = new HandFedBody();
      const first = failureOf(storage.send(session, sender.send('XXXX'), { start: 3 }));
      await eventually(() => sender.asked > 1, { what: 'the first try is under way' });
      const grant = await storage.grant(session, { start: 3 });
      sender.send('YYYY').end();
      expect(await storage.append.run(grant, chunksOf('two'))).toEqual({ offset: 6 });
      expect(await first).toMatchObject(UNKNOWN);
      const { objectKey } = await storage.finish(session, 'onetwo');
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
      expect(await storage.keys()).toEqual([objectKey]);
    });

    it(
      'does not wait for a first sender who has fallen silent',
      async () => {
        const session = await storage.start();
        const silent = new HandFedBody().send('XXXX');
        const first = failureOf(storage.send(session, silent));
        await eventually(() => silent.asked > 1, { what: 'the first try waits for its sender' });
        expect(await storage.send(session, 'one', { start: 0 })).toEqual({ offset: 3 });
        expect(await first).toMatchObject(UNKNOWN);
        const { objectKey } = await storage.finish(session, 'one');
        expect(await storage.contentOf(objectKey)).toBe('one');
        expect(await storage.keys()).toEqual([objectKey]);
      },
      SHORT_OF_KEEP_ALIVE,
    );

    it('in another process takes over as well', async () => {
      const other = new StorageProcess(database, storage.store);
      const session = await storage.start();
      const sender = new HandFedBody().send('XXXX');
      const first = failureOf(storage.send(session, sender));
      await eventually(() => sender.asked > 1, { what: 'the first try is under way' });
      expect(await other.send(session, 'one', { start: 0 })).toEqual({ offset: 3 });
      sender.end();
      expect(await first).toMatchObject(UNKNOWN);
      await storage.remover.onApplicationShutdown();
      const { objectKey } = await other.finish(session, 'one');
      expect(await other.contentOf(objectKey)).toBe('one');
      expect(await other.keys()).toEqual([objectKey]);
    });

    it('with the same grant asked twice lets only the later one write', async () => {
      const session = await storage.start();
      const [earlier, later] = [await storage.grant(session), await storage.grant(session)];
      expect(await failureOf(storage.append.run(earlier, chunksOf('two')))).toMatchObject(UNKNOWN);
      expect(await storage.append.run(later, chunksOf('one'))).toEqual({ offset: 3 });
      const { objectKey } = await storage.finish(session, 'one');
      expect(await storage.keys()).toEqual([objectKey]);
    });
  });

  describe('cancelled', () => {
    it('removes the session and what it stored', async () => {
      const sessionId = await storage.start();
      await storage.send(sessionId, 'one');
      await storage.service.cancel({ repository: REPOSITORY, sessionId });
      expect(await storage.keys()).toEqual([]);
      for (const attempt of [
        () => storage.offsetOf(sessionId),
        () => storage.grant(sessionId),
        () => storage.finish(sessionId, 'one'),
        () => storage.service.cancel({ repository: REPOSITORY, sessionId }),
      ]) {
        expect(await failureOf(attempt())).toMatchObject(UNKNOWN);
      }
    });

    it(
      'during an append ends that at once, and nothing is left of either',
      async () => {
        const sessionId = await storage.start();
        await storage.send(sessionId, 'one');
        const sender = new HandFedBody().send('two');
        const append = failureOf(storage.send(sessionId, sender));
        await eventually(() => sender.asked > 1, { what: 'the append is under way' });
        await storage.service.cancel({ repository: REPOSITORY, sessionId });
        expect(await append).toBeInstanceOf(RegistryError);
        expect(await storage.keys()).toEqual([]);
      },
      SHORT_OF_KEEP_ALIVE,
    );

    it('and anything else by another user than who started it does nothing', async () => {
      const [ownerId, other] = [crypto.randomUUID(), crypto.randomUUID()];
      const { sessionId } = await storage.service.create({ repository: REPOSITORY, algorithm: 'sha256', ownerId });
      const own = { repository: REPOSITORY, sessionId, ownerId };
      const { url } = await storage.append.grant(own);
      await storage.append.run(url.slice(url.lastIndexOf('/') + 1), chunksOf('one'));
      for (const foreign of [
        { ...own, ownerId: other },
        { repository: REPOSITORY, sessionId },
        { ...own, startedBy: 1 },
      ]) {
        for (const attempt of [
          () => storage.service.find(foreign),
          () => storage.append.grant(foreign),
          () => storage.append.grant({ ...foreign, start: 0 }),
          () => storage.append.grant({ ...foreign, start: 3 }),
          () => storage.complete.run({ ...foreign, digest: digestOf(Buffer.from('one')) }),
          () => storage.service.cancel(foreign),
        ]) {
          expect(await failureOf(attempt())).toMatchObject(UNKNOWN);
        }
      }
      expect(await storage.service.find(own)).toEqual({ offset: 3 });
      expect(await storage.complete.run({ ...own, digest: digestOf(Buffer.from('one')) })).toMatchObject({ size: 3 });
      await storage.service.cancel(own);
    });

    it('by another repository does nothing', async () => {
      const sessionId = await storage.start();
      await storage.send(sessionId, 'one');
      const repository = parseRepositoryName('team/other');
      expect(await failureOf(storage.service.cancel({ repository, sessionId }))).toMatchObject(UNKNOWN);
      expect(await storage.offsetOf(sessionId)).toBe(3);
    });
  });
});
