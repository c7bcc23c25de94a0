import { randomBytes } from 'node:crypto';
import { S3BlobStore } from '@berth/blob-store';
import type { Database } from '@berth/metadata';
import { digestOf } from '@berth/oci';
import {
  eventually,
  findMinio,
  requireOrSkip,
  startMinio,
  startPostgres,
  type TestMinio,
  type TestPostgres,
} from '@berth/testing';
import { asRegistryError } from '../object/store-faults.js';
import { brokenOff, chunksOf, HandFedBody } from '../testing/bodies.js';
import { failureOf, REPOSITORY, StorageProcess } from '../testing/storage-process.js';
import { openMigrated } from '../testing/upload-database.js';

jest.setTimeout(60_000);

const MIB = 2 ** 20;

requireOrSkip('minio', findMinio().reason)('uploads on S3', () => {
  let postgres: TestPostgres;
  let minio: TestMinio;
  let database: Database;
  let stores: S3BlobStore[];
  let first: StorageProcess;
  let second: StorageProcess;
  beforeAll(async () => {
    [postgres, minio] = await Promise.all([startPostgres(), startMinio()]);
    database = await openMigrated(await postgres.createDatabase());
    const { endpoint, accessKey, secretKey } = minio;
    stores = [1, 2].map(() => new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'uploads' }));
    [first, second] = stores.map((store) => new StorageProcess(database, store)) as [StorageProcess, StorageProcess];
    await stores[0]!.ready();
  }, 60_000);
  afterAll(async () => {
    for (const store of stores) await store.close();
    await database.close();
    await Promise.all([postgres.stop(), minio.stop()]);
  }, 60_000);

  /** In pieces as a socket gives them. */
  const pieces = (bytes: Buffer) =>
    Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, n) => bytes.subarray(n * 65_536, (n + 1) * 65_536));
  async function stored(storage: StorageProcess, key: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await storage.store.read(key)) chunks.push(chunk);
    return digestOf(Buffer.concat(chunks));
  }

  it.each([
    ['small', [1_000, 2_000, 3_000]],
    ['large', [9 * MIB, 1_000, 9 * MIB]],
  ])('%s chunks by two processes in turn become one object, and nothing else is left', async (_what, sizes) => {
    const session = await first.start();
    const chunks = sizes.map((size) => randomBytes(size));
    let at = 0;
    for (const [turn, chunk] of chunks.entries()) {
      const storage = turn % 2 === 0 ? first : second;
      at += chunk.length;
      expect(await storage.send(session, chunksOf(...pieces(chunk)), { start: at - chunk.length })).toEqual({
        offset: at,
      });
    }
    const whole = Buffer.concat(chunks);
    const { objectKey, size } = await second.finish(session, whole);
    expect(size).toBe(whole.length);
    expect(await stored(first, objectKey)).toBe(digestOf(whole));
    await first.remover.onApplicationShutdown();
    expect(await second.keys()).toEqual([objectKey]);
    await second.store.delete(objectKey);
  });

  it.each([
    ['small', 10_000],
    ['large', 9 * MIB],
  ])('a %s PUT whose sender goes away in the middle can be gone on with', async (_what, arrived) => {
    const bytes = randomBytes(arrived + 5_000);
    const session = await first.start();
    const broken = brokenOff(...pieces(bytes.subarray(0, arrived)));
    const digest = digestOf(bytes);
    expect(await failureOf(first.send(session, broken, { digest }))).toMatchObject({ code: 'BLOB_UPLOAD_INVALID' });
    expect(await first.offsetOf(session)).toBe(arrived);
    const rest = chunksOf(bytes.subarray(arrived));
    expect(await first.send(session, rest, { start: arrived, digest })).toEqual({ offset: bytes.length });
    const { objectKey } = await first.finish(session, bytes);
    expect(await stored(first, objectKey)).toBe(digestOf(bytes));
    await first.store.delete(objectKey);
  });

  it.each([
    ['in one piece', [9 * MIB]],
    ['behind another chunk', [9 * MIB, 9 * MIB]],
  ])('whose digest differs go on and end well: large, %s', async (_what, sizes) => {
    const session = await first.start();
    const chunks = sizes.map((size) => randomBytes(size));
    const sent = Buffer.concat(chunks);
    for (const chunk of chunks.slice(0, -1)) await first.send(session, chunksOf(...pieces(chunk)));
    const wrong = { digest: digestOf(Buffer.from('other')) };
    await first.send(session, chunksOf(...pieces(chunks.at(-1)!)), wrong);
    const refused = first.complete.run({ repository: REPOSITORY, sessionId: session, ...wrong });
    expect(await failureOf(refused)).toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await first.offsetOf(session)).toBe(sent.length);
    const rest = randomBytes(1_000);
    await first.send(session, chunksOf(rest), { start: sent.length });
    const whole = Buffer.concat([sent, rest]);
    const { objectKey } = await first.finish(session, whole);
    expect(await stored(first, objectKey)).toBe(digestOf(whole));
    expect(await first.keys()).toEqual([objectKey]);
    await first.store.delete(objectKey);
  });

  it('that have their last byte take no more, say so, and can still be completed', async () => {
    const session = await first.start();
    const [one, two] = [randomBytes(9 * MIB), randomBytes(9 * MIB)];
    const whole = Buffer.concat([one, two]);
    await first.send(session, chunksOf(...pieces(one)));
    await first.send(session, chunksOf(...pieces(two)), { digest: digestOf(whole) });
    const refused = asRegistryError(await failureOf(second.send(session, chunksOf('more'))));
    expect(refused).toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 416 });
    expect(await second.offsetOf(session)).toBe(whole.length);
    const { objectKey } = await second.finish(session, whole);
    expect(await stored(first, objectKey)).toBe(digestOf(whole));
    await first.store.delete(objectKey);
  });

  it('whose chunk is sent again while its first try is under way leave nothing of that try', async () => {
    const session = await first.start();
    const [begun, again] = [randomBytes(9 * MIB), randomBytes(1_000)];
    await first.send(session, chunksOf(...pieces(begun)));
    const sender = new HandFedBody().send(again);
    const given = failureOf(first.send(session, sender, { start: begun.length }));
    await eventually(() => sender.asked > 1, { what: 'the first try is under way' });
    await second.send(session, chunksOf(again), { start: begun.length });
    sender.end();
    expect(await given).toMatchObject({ code: 'BLOB_UPLOAD_UNKNOWN' });
    const whole = Buffer.concat([begun, again]);
    const { objectKey } = await second.finish(session, whole);
    expect(await stored(first, objectKey)).toBe(digestOf(whole));
    await first.remover.onApplicationShutdown();
    expect(await second.keys()).toEqual([objectKey]);
    await second.store.delete(objectKey);
  });

  it('leave nothing behind where they are cancelled', async () => {
    for (const size of [1_000, 9 * MIB]) {
      const sessionId = await first.start();
      await first.send(sessionId, chunksOf(...pieces(randomBytes(size))));
      await second.service.cancel({ repository: REPOSITORY, sessionId });
      expect(await second.keys()).toEqual([]);
    }
  });
});
