import { type BlobStore, FilesystemBlobStore, S3BlobStore } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { digestOf } from '@berth/oci';
import { findMinio, requireOrSkip, startMinio, startPostgres, tempFolder, type TestPostgres } from '@berth/testing';
import { chunksOf } from '../testing/bodies.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { openMigrated } from '../testing/upload-database.js';

jest.setTimeout(60_000);

const MIB = 2 ** 20;
/** Above what S3 takes in one PUT, so that a refused body has begun a multipart upload. */
const LIMIT = 9 * MIB;
const TOO_LARGE = { code: 'SIZE_INVALID', status: 413, detail: { limit: LIMIT } };

async function onFilesystem(): Promise<[BlobStore, () => Promise<void>]> {
  const folder = tempFolder();
  const store = new FilesystemBlobStore({ folder: folder.path });
  await store.ready();
  return [store, async () => folder.remove()];
}

async function onMinio(): Promise<[BlobStore, () => Promise<void>]> {
  const minio = await startMinio();
  const { endpoint, accessKey, secretKey } = minio;
  const store = new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'limits' });
  await store.ready();
  const stop = async () => {
    await store.close();
    await minio.stop();
  };
  return [store, stop];
}

describe.each([
  ['a folder', onFilesystem, describe],
  ['MinIO', onMinio, requireOrSkip('minio', findMinio().reason)],
] as const)('BERTH_MAX_BLOB_BYTES over %s', (name, open, describeWith) => {
  describeWith(`with ${name} there`, () => {
    let postgres: TestPostgres;
    let database: Database;
    let closeStore: () => Promise<void>;
    let storage: StorageProcess;
    beforeAll(async () => {
      postgres = await startPostgres();
      database = await openMigrated(await postgres.createDatabase());
      const [store, close] = await open();
      closeStore = close;
      storage = new StorageProcess(database, store, { BERTH_MAX_BLOB_BYTES: String(LIMIT) });
    });
    afterAll(async () => {
      await closeStore();
      await database.close();
      await postgres.stop();
    });

    const content = Buffer.alloc(LIMIT + 1, 'berth');
    const pieces = (from: number, to: number) =>
      chunksOf(
        ...Array.from({ length: Math.ceil((to - from) / 65_536) }, (_, n) =>
          content.subarray(from + n * 65_536, Math.min(to, from + (n + 1) * 65_536)),
        ),
      );
    const whole = content.subarray(0, LIMIT);

    it.each([
      ['one stream of unknown length', {}],
      ['one body with its digest', { digest: digestOf(content) }],
    ])('refuses %s, stores nothing of it, and the session stands where it stood', async (_what, options) => {
      const session = await storage.start();
      expect(await failureOf(storage.send(session, pieces(0, LIMIT + 1), options))).toMatchObject(TOO_LARGE);
      expect(await storage.offsetOf(session)).toBe(0);
      expect(await storage.keys()).toEqual([]);
      await storage.send(session, pieces(0, LIMIT));
      const { objectKey, size } = await storage.finish(session, whole);
      expect(size).toBe(LIMIT);
      expect(await storage.keys()).toEqual([objectKey]);
      await storage.store.delete(objectKey);
    });

    it('is not passed in several chunks either, and the chunk that fits is still taken', async () => {
      const session = await storage.start();
      await storage.send(session, pieces(0, LIMIT - 10));
      for (const options of [{}, { digest: digestOf(content) }]) {
        const beyond = storage.send(session, pieces(LIMIT - 10, LIMIT + 1), options);
        expect(await failureOf(beyond)).toMatchObject(TOO_LARGE);
        expect(await storage.offsetOf(session)).toBe(LIMIT - 10);
      }
      await storage.send(session, pieces(LIMIT - 10, LIMIT), { start: LIMIT - 10 });
      expect(await failureOf(storage.send(session, chunksOf('x')))).toMatchObject(TOO_LARGE);
      const { objectKey } = await storage.finish(session, whole);
      expect(await storage.keys()).toEqual([objectKey]);
      await storage.store.delete(objectKey);
    });

    it('leaves a session that can be cancelled', async () => {
      const sessionId = await storage.start();
      await storage.send(sessionId, pieces(0, LIMIT));
      expect(await failureOf(storage.send(sessionId, chunksOf('x')))).toMatchObject(TOO_LARGE);
      await storage.service.cancel({ repository: REPOSITORY, sessionId });
      expect(await storage.keys()).toEqual([]);
    });
  });
});
