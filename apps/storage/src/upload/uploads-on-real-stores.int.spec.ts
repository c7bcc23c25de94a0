import { createHash, randomBytes } from 'node:crypto';
import { type Database, RepositoryBlobStore } from '@berth/metadata';
import { digestOf } from '@berth/oci';
import { loadSettings, Metrics } from '@berth/platform';
import { eventually, requireOrSkip, startPostgres, type TestPostgres } from '@berth/testing';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { brokenOff, chunksOf, HandFedBody } from '../testing/bodies.js';
import { HeldReads } from '../testing/held-reads.js';
import { REAL_STORES, type RealStore } from '../testing/real-stores.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { age, expire, makeRepository, openMigrated } from '../testing/upload-database.js';
import { SessionReaper } from './session-reaper.js';

jest.setTimeout(120_000);

const MIB = 2 ** 20;
/** Around what S3 asks of a part at least, and around the parts that the driver makes. */
const EDGES = [0, 2, 65_536, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1];
const SOURCE = randomBytes(40 * MIB);

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  Logger.overrideLogger(false);
  postgres = await startPostgres();
  database = await openMigrated(await postgres.createDatabase());
  await makeRepository(database, REPOSITORY);
});
afterAll(async () => {
  await database.close();
  await postgres.stop();
});

describe.each(REAL_STORES)('uploads on $driver', ({ driver, reason, open }) => {
  requireOrSkip(`uploads on ${driver}`, reason)('by processes of storage', () => {
    let real: RealStore;
    let processes: StorageProcess[];
    beforeAll(async () => {
      real = await open();
      processes = real.opened.map((store) => new StorageProcess(database, store));
    });
    afterAll(() => real.stop());
    const settled = async () => {
      for (const storage of processes) await storage.remover.onApplicationShutdown();
      return real.content();
    };

    /** The chunks in order, each through the process that has its turn; gives the session and the bytes. */
    async function sent(sizes: number[], turn: (n: number) => StorageProcess) {
      const session = await turn(0).start();
      let offset = 0;
      for (const [n, size] of sizes.entries()) {
        const chunk = SOURCE.subarray(offset, offset + size);
        const appended = await turn(n).send(session, chunksOf(...pieces(chunk)), { start: offset });
        offset += size;
        expect(appended).toEqual({ offset });
      }
      return { session, bytes: SOURCE.subarray(0, offset) };
    }

    async function expectWhole(sizes: number[], turns: number[], algorithm: 'sha256' | 'sha512'): Promise<void> {
      const turn = (n: number) => processes[(turns[n % turns.length] ?? 0) % processes.length]!;
      const { session, bytes } = await sent(sizes, turn);
      const { objectKey, size } = await turn(sizes.length).finish(session, bytes, algorithm);
      expect(size).toBe(bytes.length);
      const hash = createHash('sha256');
      for await (const chunk of await processes[0]!.store.read(objectKey)) hash.update(chunk);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(await settled()).toEqual([objectKey]);
      await processes[0]!.store.delete(objectKey);
      await database.rows({ name: 'test-forget', text: 'DELETE FROM storage.upload_session WHERE id = $1' }, [session]);
    }

    it.each(EDGES.flatMap((first) => [[first], [first, 1], [1, first], [first, first]]).map((sizes) => ({ sizes })))(
      'in chunks of $sizes bytes become one object',
      ({ sizes }) => expectWhole(sizes, [0, 1], 'sha256'),
    );

    it('in chunks of any size, by any process each, become one object', async () => {
      const size = fc.oneof(fc.constantFrom(...EDGES), fc.nat(9 * MIB), fc.nat(3_000));
      const sizes = fc.array(size, { minLength: 1, maxLength: 5 }).filter((all) => sum(all) <= SOURCE.length);
      const turns = fc.array(fc.nat(1), { minLength: 1, maxLength: 6 });
      await fc.assert(fc.asyncProperty(sizes, turns, fc.constantFrom('sha256', 'sha512'), expectWhole), {
        numRuns: 15,
        endOnFailure: true,
      });
    });

    it.each([1_000, 9 * MIB])(
      'of %d bytes that were committed stay, where a wrong digest was being compared meanwhile',
      async (length) => {
        const { session, bytes } = await sent([length], () => processes[0]!);
        const held = new HeldReads(processes[0]!.store);
        const wrong = failureOf(processes[0]!.finish(session, 'other', 'sha512'));
        await held.one();
        const other = new StorageProcess(database, real.opened.at(-1)!);
        const completed = await other.finish(session, bytes);
        const blobs = new RepositoryBlobStore(database, { leaseSeconds: 60, pullWindowSeconds: 0 });
        const upload = { repository: REPOSITORY, sessionId: session, digest: digestOf(bytes), ...completed };
        expect(await blobs.commitUpload(upload)).toBe('committed');
        held.goOn();
        expect(await wrong).toMatchObject({ code: 'DIGEST_INVALID' });
        expect(await settled()).toEqual([completed.objectKey]);
        const hash = createHash('sha256');
        for await (const chunk of await other.store.read(completed.objectKey)) hash.update(chunk);
        expect(`sha256:${hash.digest('hex')}`).toBe(digestOf(bytes));
        await other.store.delete(completed.objectKey);
      },
    );

    it.each([1_000, 6 * MIB, 20 * MIB])(
      'refuse a chunk out of order behind %d bytes with 416, say where they stand, and go on there',
      async (arrived) => {
        const { session } = await sent([arrived], () => processes[0]!);
        const last = processes.at(-1)!;
        for (const start of [0, arrived - 1, arrived + 1, 2 * arrived]) {
          const refused = await failureOf(last.grant(session, { start }));
          expect(refused).toMatchObject({
            code: 'BLOB_UPLOAD_INVALID',
            status: 416,
            detail: { offset: arrived, start },
          });
          expect(await last.offsetOf(session)).toBe(arrived);
        }
        const rest = SOURCE.subarray(arrived, arrived + 500);
        expect(await last.send(session, chunksOf(rest), { start: arrived })).toEqual({ offset: arrived + 500 });
        const { objectKey } = await last.finish(session, SOURCE.subarray(0, arrived + 500));
        expect(await settled()).toEqual([objectKey]);
        await last.store.delete(objectKey);
      },
    );

    /** Sessions of every shape that a client may leave behind. */
    const LEFT: Record<string, () => Promise<string>> = {
      'before the first byte': () => processes[0]!.start(),
      'behind a few bytes': async () => (await sent([1_000], () => processes[0]!)).session,
      'behind a large chunk': async () => (await sent([9 * MIB], () => processes[0]!)).session,
      'behind parts and a tail': async () => (await sent([9 * MIB, 5, 9 * MIB], () => processes[0]!)).session,
      'behind a chunk that broke off': async () => {
        const { session } = await sent([9 * MIB], () => processes[0]!);
        await failureOf(processes[0]!.send(session, brokenOff(...pieces(SOURCE.subarray(0, 9 * MIB)))));
        return session;
      },
      'behind a digest that did not match': async () => {
        const { session } = await sent([9 * MIB], () => processes[0]!);
        expect(await failureOf(processes[0]!.finish(session, 'other'))).toMatchObject({ code: 'DIGEST_INVALID' });
        return session;
      },
      'complete but not committed': async () => {
        const { session, bytes } = await sent([9 * MIB, 1_000], () => processes[0]!);
        await processes[0]!.finish(session, bytes);
        return session;
      },
    };

    it.each(Object.keys(LEFT))('left %s expire and leave nothing in the store', async (shape) => {
      const { session: alive, bytes } = await sent([9 * MIB, 10], () => processes[0]!);
      const kept = await settled();
      await expire(database, await LEFT[shape]!());
      expect((await settled()).length > kept.length).toBe(shape !== 'before the first byte');
      const { sessions, remover } = processes.at(-1)!;
      const settings = loadSettings({ BERTH_UPLOAD_IDLE_SECONDS: '1' });
      const reaper = new SessionReaper(sessions, remover, settings, new Metrics('storage'));
      reaper.onApplicationBootstrap();
      await eventually(async () => String(await settled()) === String(kept), { what: 'its bytes are gone' });
      await reaper.onApplicationShutdown();
      const { objectKey } = await processes[0]!.finish(alive, bytes);
      expect(await settled()).toEqual([objectKey]);
      await processes[0]!.store.delete(objectKey);
    });

    it('touched until they are too old leave nothing in the store, in the middle of an append too', async () => {
      const { session } = await sent([9 * MIB, 10], () => processes[0]!);
      // Every second it says that the session is still in use.
      const slow = new StorageProcess(database, processes.at(-1)!.store, { BERTH_UPLOAD_IDLE_SECONDS: '3' });
      const sender = new HandFedBody().send('more');
      const append = failureOf(slow.send(session, sender));
      await eventually(() => sender.asked > 1, { what: 'the append is under way' });
      await age(database, session, 7 * 86_400);
      const settings = loadSettings({ BERTH_UPLOAD_IDLE_SECONDS: '1' });
      const reaper = new SessionReaper(slow.sessions, slow.remover, settings, new Metrics('storage'));
      reaper.onApplicationBootstrap();
      expect(await append).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
      await reaper.onApplicationShutdown();
      await slow.remover.onApplicationShutdown();
      expect(await settled()).toEqual([]);
    });

    it.each(Object.keys(LEFT))('left %s are cancelled and leave nothing in the store', async (shape) => {
      const session = await LEFT[shape]!();
      await processes.at(-1)!.service.cancel({ repository: REPOSITORY, sessionId: session });
      expect(await settled()).toEqual([]);
    });
  });
});

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);

/** In pieces as a socket gives them. */
const pieces = (bytes: Buffer): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, n) => bytes.subarray(n * 65_536, (n + 1) * 65_536));
