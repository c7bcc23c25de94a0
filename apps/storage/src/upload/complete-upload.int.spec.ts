import { MemoryBlobStore } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { digestOf, parseRepositoryName } from '@berth/oci';
import { eventually, startPostgres, type TestPostgres } from '@berth/testing';
import { HandFedBody } from '../testing/bodies.js';
import { HeldReads } from '../testing/held-reads.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { expiryOf, openMigrated } from '../testing/upload-database.js';
import { CompleteUpload } from './complete-upload.js';

jest.setTimeout(60_000);
/** Every 30 s an append looks whether it still holds its claim: who waits for that has not been stopped. */
const SHORT_OF_KEEP_ALIVE = 15_000;

const UNKNOWN = { code: 'BLOB_UPLOAD_UNKNOWN', status: 404 };
const DIFFERS = { code: 'DIGEST_INVALID', status: 400 };

describe(CompleteUpload, () => {
  let postgres: TestPostgres;
  let database: Database;
  let store: MemoryBlobStore;
  let storage: StorageProcess;
  let read: jest.SpyInstance;
  beforeAll(async () => {
    postgres = await startPostgres();
    database = await openMigrated(await postgres.createDatabase());
  });
  beforeEach(() => {
    store = new MemoryBlobStore();
    storage = new StorageProcess(database, store);
    read = jest.spyOn(store, 'read');
  });
  afterAll(async () => {
    await database.close();
    await postgres.stop();
  });

  it.each(['sha256', 'sha512'] as const)(
    'compares %s without reading back what was hashed as it passed',
    async (algorithm) => {
      const session = await storage.start(algorithm);
      await storage.send(session, 'one');
      await storage.send(session, 'two', { digest: digestOf(Buffer.from('onetwo'), algorithm) });
      const { objectKey, size } = await storage.finish(session, 'onetwo', algorithm);
      expect(size).toBe(6);
      expect(read).not.toHaveBeenCalled();
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
    },
  );

  it.each([
    ['sha512', 'sha256'],
    ['sha256', 'sha512'],
  ] as const)('reads back for %s where %s was announced', async (asked, announced) => {
    const session = await storage.start(announced);
    await storage.send(session, 'one');
    const { objectKey } = await storage.finish(session, 'one', asked);
    expect(read).toHaveBeenCalledTimes(1);
    expect(await storage.contentOf(objectKey)).toBe('one');
  });

  it.each(['sha256', 'sha512'] as const)('makes an empty blob of no byte at all, by %s', async (algorithm) => {
    const session = await storage.start();
    const { objectKey, size } = await storage.finish(session, '', algorithm);
    expect(size).toBe(0);
    expect(await storage.contentOf(objectKey)).toBe('');
  });

  it('makes an empty blob of an empty chunk', async () => {
    const session = await storage.start();
    await storage.send(session, '');
    expect((await storage.finish(session, '')).size).toBe(0);
  });

  it('refuses any other digest for no bytes', async () => {
    const session = await storage.start();
    expect(await failureOf(storage.finish(session, 'x'))).toMatchObject(DIFFERS);
    expect((await storage.finish(session, '')).size).toBe(0);
  });

  describe('where the digest differs', () => {
    it('keeps the session open, says both, and takes the right one afterwards', async () => {
      const session = await storage.start();
      await storage.send(session, 'one');
      expect(await failureOf(storage.finish(session, 'other'))).toMatchObject({
        ...DIFFERS,
        detail: { provided: digestOf(Buffer.from('other')), computed: digestOf(Buffer.from('one')) },
      });
      expect(await storage.offsetOf(session)).toBe(3);
      await storage.send(session, 'two', { start: 3 });
      const { objectKey } = await storage.finish(session, 'onetwo');
      expect(await storage.contentOf(objectKey)).toBe('onetwo');
      expect(read).toHaveBeenCalledTimes(1); // by this test
    });

    it('ends the session with its object where it had to read back: that takes no more bytes', async () => {
      const session = await storage.start('sha256');
      await storage.send(session, 'one');
      expect(await failureOf(storage.finish(session, 'other', 'sha512'))).toMatchObject(DIFFERS);
      expect(await storage.keys()).toEqual([]);
      expect(await failureOf(storage.offsetOf(session))).toMatchObject(UNKNOWN);
    });
  });

  describe('two processes in turn on one session', () => {
    it('read it back at the end, and the bytes are one behind the other', async () => {
      const other = new StorageProcess(database, store);
      const session = await storage.start();
      await storage.send(session, 'one');
      await other.send(session, 'two', { start: 3 });
      await storage.send(session, 'three', { start: 6 });
      const { objectKey, size } = await other.finish(session, 'onetwothree');
      expect(size).toBe(11);
      expect(read).toHaveBeenCalledTimes(1);
      expect(await other.contentOf(objectKey)).toBe('onetwothree');
      await storage.remover.onApplicationShutdown();
      expect(await other.keys()).toEqual([objectKey]);
    });

    it('never take an old hash for a new one: the first process does not know of the bytes between', async () => {
      const other = new StorageProcess(database, store);
      const session = await storage.start();
      await storage.send(session, 'one');
      await other.send(session, 'two');
      await storage.send(session, 'three');
      expect(await failureOf(storage.finish(session, 'onethree'))).toMatchObject(DIFFERS);
    });

    it('may complete in the second what the first has hashed, without reading back', async () => {
      const other = new StorageProcess(database, store);
      const session = await storage.start();
      await storage.send(session, 'one');
      expect((await other.finish(session, 'one')).size).toBe(3);
      expect(read).not.toHaveBeenCalled();
    });
  });

  it(
    'takes the claim from an append that is still under way, whose bytes are then not in it',
    async () => {
      const session = await storage.start();
      await storage.send(session, 'one');
      const sender = new HandFedBody().send('two');
      const append = failureOf(storage.send(session, sender));
      await eventually(() => sender.asked > 1, { what: 'the append is under way' });
      const { objectKey, size } = await storage.finish(session, 'one');
      expect(size).toBe(3);
      expect(await append).toMatchObject(UNKNOWN);
      expect(await storage.contentOf(objectKey)).toBe('one');
      expect(await storage.keys()).toEqual([objectKey]);
    },
    SHORT_OF_KEEP_ALIVE,
  );

  it('can be repeated until the blob is committed, by any process, and takes the claim from none of them', async () => {
    const other = new StorageProcess(database, store);
    const session = await storage.start();
    await storage.send(session, 'one');
    const first = await storage.finish(session, 'one');
    expect(await other.finish(session, 'one')).toEqual(first);
    expect((await storage.sessions.find({ sessionId: session, repository: REPOSITORY }))?.claim).toBe(first.claim);
  });

  describe('while an object is read back', () => {
    const sha512 = (content: string) => digestOf(Buffer.from(content), 'sha512');
    let session: string;
    let held: HeldReads;
    beforeEach(async () => {
      session = await storage.start();
      await storage.send(session, 'one');
      held = new HeldReads(store);
    });
    afterEach(() => held.goOn());
    const claimNow = async () =>
      (await storage.sessions.find({ sessionId: session, repository: REPOSITORY }))?.claim ?? null;

    it.each([
      ['right', 'one'],
      ['wrong', 'other'],
    ])('joins those who ask the same, with the %s digest: one read, one answer', async (_what, content) => {
      const asked = [1, 2, 3].map(() => storage.finish(session, content, 'sha512').catch((error: unknown) => error));
      await held.one();
      asked.push(storage.finish(session, content, 'sha512').catch((error: unknown) => error));
      held.goOn();
      const answers = await Promise.all(asked);
      expect(new Set(answers).size).toBe(1);
      expect(answers[0]).toMatchObject(content === 'one' ? { size: 3 } : DIFFERS);
      expect(held.begun).toBe(1);
    });

    it('joins nobody who may not know of the session', async () => {
      const right = storage.finish(session, 'one', 'sha512');
      await held.one();
      const own = { sessionId: session, repository: REPOSITORY, digest: sha512('one') };
      for (const foreign of [
        { ...own, repository: parseRepositoryName('team/other') },
        { ...own, ownerId: crypto.randomUUID() },
        { ...own, startedBy: 1 },
      ]) {
        expect(await failureOf(storage.complete.run(foreign))).toMatchObject(UNKNOWN);
      }
      held.goOn();
      expect(await right).toMatchObject({ size: 3 });
    });

    it('ends that for a question with another digest: there is one at a time', async () => {
      const wrong = failureOf(storage.finish(session, 'other', 'sha512'));
      await held.one();
      const { objectKey } = await storage.finish(session, 'one');
      expect(await wrong).toMatchObject(UNKNOWN);
      expect(held.over).toBe(1);
      held.goOn();
      expect(await storage.keys()).toEqual([objectKey]);
      expect(await storage.contentOf(objectKey)).toBe('one');
    });

    it('ends that for the next chunk, and for a cancellation', async () => {
      const first = failureOf(storage.finish(session, 'one', 'sha512'));
      await held.one();
      expect(await storage.send(session, 'two', { start: 3 })).toEqual({ offset: 6 });
      expect(await first).toMatchObject(UNKNOWN);
      const second = failureOf(storage.finish(session, 'onetwo', 'sha512'));
      await eventually(() => held.begun === 2, { what: 'the next read-back has begun' });
      await storage.service.cancel({ repository: REPOSITORY, sessionId: session });
      expect(await second).toMatchObject(UNKNOWN);
      expect(held.over).toBe(2);
      held.goOn();
      expect(await storage.keys()).toEqual([]);
    });

    it('is not stopped by the same question to another process, and both give the same answer', async () => {
      const other = new StorageProcess(database, store);
      const first = storage.finish(session, 'one', 'sha512');
      await held.one();
      const claim = await claimNow();
      const second = other.finish(session, 'one', 'sha512');
      await eventually(() => held.begun === 2, { what: 'the other one reads too' });
      expect(await claimNow()).toBe(claim);
      held.goOn();
      expect(await first).toEqual(await second);
    });

    it('keeps what it found: who asks when it is over has the answer at once, by any process', async () => {
      const first = storage.finish(session, 'one', 'sha512');
      await held.one();
      held.goOn();
      const answer = await first;
      const other = new StorageProcess(database, store);
      expect(await other.finish(session, 'one', 'sha512')).toEqual(answer);
      expect(await failureOf(other.finish(session, 'other', 'sha512'))).toMatchObject(DIFFERS);
      expect(await other.finish(session, 'one')).toMatchObject({ objectKey: answer.objectKey });
      expect(read).toHaveBeenCalledTimes(1);
    });

    it('gives up where its process ends, so that another one is asked', async () => {
      const other = new StorageProcess(database, store);
      const first = failureOf(storage.finish(session, 'one', 'sha512'));
      await held.one();
      storage.active.stopAll();
      expect(await first).toMatchObject({ code: 'UNAVAILABLE', status: 503 });
      held.goOn();
      expect(await other.finish(session, 'one', 'sha512')).toMatchObject({ size: 3 });
    });

    it('gives up where another process has taken the claim, and keeps the session alive until then', async () => {
      const slow = new StorageProcess(database, store, { BERTH_UPLOAD_IDLE_SECONDS: '6' });
      session = await slow.start();
      await slow.send(session, 'one');
      const wrong = failureOf(slow.finish(session, 'other', 'sha512'));
      await held.one();
      const expiry = await expiryOf(database, session);
      await eventually(async () => (await expiryOf(database, session)) > expiry, { what: 'the expiry is pushed out' });
      const { objectKey } = await storage.finish(session, 'one');
      expect(await wrong).toMatchObject(UNKNOWN);
      expect(held.over).toBe(1);
      held.goOn();
      expect(await storage.contentOf(objectKey)).toBe('one');
      expect(await slow.keys()).toContain(objectKey);
    });

    it('of a digest that differs ends no session that somebody else has taken meanwhile, and removes no object', async () => {
      const other = new StorageProcess(database, store);
      const wrong = failureOf(storage.finish(session, 'other', 'sha512'));
      await held.one();
      const { objectKey, claim } = await other.finish(session, 'one');
      held.goOn();
      expect(await wrong).toMatchObject(DIFFERS);
      expect(await storage.keys()).toEqual([objectKey]);
      expect(await claimNow()).toBe(claim);
    });
  });
});
