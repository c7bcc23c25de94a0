import { createHash, randomBytes } from 'node:crypto';
import { type BlobStore, FilesystemBlobStore, S3BlobStore } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { type DigestAlgorithm, digestOf } from '@berth/oci';
import { findMinio, requireOrSkip, startMinio, startPostgres, tempFolder, type TestPostgres } from '@berth/testing';
import { chunksOf } from '../testing/bodies.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { openMigrated } from '../testing/upload-database.js';

jest.setTimeout(60_000);

const MIB = 2 ** 20;

/** A store of one driver, and what ends it with its server. */
interface OpenStore {
  store: BlobStore;
  close(): Promise<void>;
}

async function onFolder(): Promise<OpenStore> {
  const folder = tempFolder('berth-algorithms');
  const store = new FilesystemBlobStore({ folder: folder.path });
  return {
    store,
    close: async () => {
      await store.close();
      folder.remove();
    },
  };
}

async function onMinio(): Promise<OpenStore> {
  const minio = await startMinio();
  const { endpoint, accessKey, secretKey } = minio;
  const store = new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'algorithms' });
  return {
    store,
    close: async () => {
      await store.close();
      await minio.stop();
    },
  };
}

const DRIVERS = [
  { driver: 'a folder', open: onFolder, reason: undefined },
  { driver: 'S3', open: onMinio, reason: findMinio().reason },
];

for (const { driver, open, reason } of DRIVERS) {
  requireOrSkip(`uploads on ${driver}`, reason)(`an upload in chunks on ${driver}, its algorithm not announced`, () => {
    let postgres: TestPostgres;
    let database: Database;
    let opened: OpenStore;
    let storage: StorageProcess;
    let another: StorageProcess;
    beforeAll(async () => {
      [postgres, opened] = await Promise.all([startPostgres(), open()]);
      await opened.store.ready();
      database = await openMigrated(await postgres.createDatabase());
      [storage, another] = [new StorageProcess(database, opened.store), new StorageProcess(database, opened.store)];
    }, 60_000);
    afterAll(async () => {
      await database?.close();
      await opened?.close();
      await postgres?.stop();
    }, 60_000);

    /** Sends the chunks one behind the other, in turn by the processes, to a session that knows nothing of the digest. */
    async function sent(processes: StorageProcess[], chunks: Buffer[]): Promise<string> {
      const session = await storage.start();
      let start = 0;
      for (const [turn, chunk] of chunks.entries()) {
        const process = processes[turn % processes.length]!;
        const { offset } = await process.send(session, chunksOf(chunk), { start });
        expect(offset).toBe((start += chunk.length));
      }
      return session;
    }

    async function hashOf(objectKey: string, algorithm: DigestAlgorithm): Promise<string> {
      const hash = createHash(algorithm);
      for await (const chunk of await storage.store.read(objectKey)) hash.update(chunk);
      return `${algorithm}:${hash.digest('hex')}`;
    }

    describe.each(['sha256', 'sha512'] as const)('commits under %s', (algorithm) => {
      it.each([
        ['small chunks', [1, 2_000, 0, 3_000]],
        ['chunks larger than a part', [6 * MIB, 1_000, 6 * MIB]],
      ])('of %s, sent to one process or to two', async (_what, sizes) => {
        for (const processes of [[storage], [storage, another]]) {
          const chunks = sizes.map((size) => randomBytes(size));
          const whole = Buffer.concat(chunks);
          const session = await sent(processes, chunks);
          const { objectKey, size } = await another.finish(session, whole, algorithm);
          expect(size).toBe(whole.length);
          expect(await hashOf(objectKey, algorithm)).toBe(digestOf(whole, algorithm));
          await opened.store.delete(objectKey);
        }
      });

      it('with the last chunk in the request that ends it', async () => {
        const [first, last] = [randomBytes(5_000), randomBytes(70_000)];
        const whole = Buffer.concat([first, last]);
        const session = await sent([storage], [first]);
        const digest = digestOf(whole, algorithm);
        await storage.send(session, chunksOf(last), { start: first.length, digest });
        const { objectKey } = await storage.complete.run({ repository: REPOSITORY, sessionId: session, digest });
        expect(await hashOf(objectKey, algorithm)).toBe(digest);
        await opened.store.delete(objectKey);
      });

      it('no other bytes, and leaves none behind', async () => {
        const session = await sent([storage], [randomBytes(2_000)]);
        const failure = await failureOf(storage.finish(session, 'other', algorithm));
        expect(failure).toMatchObject({ code: 'DIGEST_INVALID', status: 400 });
        await storage.service.cancel({ repository: REPOSITORY, sessionId: session }).catch(() => undefined);
        expect(await storage.keys()).toEqual([]);
      });
    });
  });
}
