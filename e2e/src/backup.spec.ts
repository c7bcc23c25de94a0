import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import {
  anImage,
  type Blob,
  blobsOf,
  contentOf,
  copyBucket,
  type Image,
  randomBlob,
  RegistryClient,
  requireOrSkip,
  startMinio,
  startPostgres,
  tempFolder,
  type TempFolder,
  UploadSession,
} from '@berth/testing';
import { Client } from 'pg';

import { ProcessDeployments, until } from './deployments.js';
import { isForeignRegistry, reasonAgainst } from './stack.js';
import { wholeComparison } from './whole-comparison.js';

const reason = isForeignRegistry() ? 'E2E_REGISTRY is not ours to restore' : reasonAgainst('distributed');
const BUCKET = 'berth';
const LIMIT_MS = 300_000;
/** What of an upload has come when the backup begins: kept as an object, as it is less than S3 takes for a part. */
const HALF = 50_000;
const UPLOADS = 2;

const LEASED = 'SELECT FROM registry.repository_blob WHERE review_after > clock_timestamp()';

/** Collected at once, so that what a backup needs would be gone if nobody kept it. */
const SETTINGS = {
  BERTH_SECRET_KEY: randomBytes(32).toString('base64url'),
  BERTH_ADMIN_PASSWORD: randomBytes(12).toString('base64url'),
  BERTH_LEASE_SECONDS: '10',
  BERTH_GC_GRACE_SECONDS: '0',
  BERTH_READ_GRANT_SECONDS: '1',
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ABSENCE_CHECKS: '2',
  BERTH_GC_ABSENCE_SECONDS: '1',
};

requireOrSkip('backup and restore', reason)('a backup in the order of docs/operating.md', () => {
  let folder: TempFolder;
  let berth: ProcessDeployments;
  const clientOf = (deployments: ProcessDeployments) =>
    new RegistryClient(`http://${deployments.host}`, deployments.credentials);

  beforeAll(() => {
    folder = tempFolder('berth-backup');
  });
  afterAll(async () => {
    await berth?.stop();
    folder?.remove();
  });

  it(
    'has all that was there when the database was copied, whatever clients did meanwhile',
    async () => {
      berth = await ProcessDeployments.start(SETTINGS);
      await berth.startEach();
      const before = clientOf(berth);
      const [kept, deleted, moved, fresh] = [1, 2, 3, 4].map(() => anImage({ layers: 2, layerSize: 200_000 })) as [
        Image,
        Image,
        Image,
        Image,
      ];
      await before.push('backup/kept', kept, 'v1');
      await before.push('backup/deleted', deleted, 'v1');
      await before.push('backup/moved', moved, 'v1');
      const [halfway, goneOn] = [await uploadHalf(before), await uploadHalf(before)];

      // As the page says: no gc-worker, the database, the objects, a gc-worker again.
      await berth.scale('gc-worker', 0);
      const database = join(folder.path, 'database');
      await berth.postgres.backUp(database);
      for (const image of [deleted, moved]) {
        const name = image === deleted ? 'backup/deleted' : 'backup/moved';
        (await before.deleteManifest(name, image.manifest.digest)).expect(202);
        for (const { digest } of blobsOf(image)) (await before.deleteBlob(name, digest)).expect(202);
      }
      await before.push('backup/moved', fresh, 'v1');
      (await goneOn.session.patch(goneOn.blob.bytes.subarray(HALF), HALF)).expect(202);
      await until(async () => (await rows(LEASED)).length === 0, 'nothing protects what was deleted');
      const copy = await startMinio();
      await copyBucket(berth.minio, copy, BUCKET);
      await berth.scale('gc-worker', 1);
      // Here they are gone: the copies are the only ones.
      const left = blobsOf(kept).length + blobsOf(fresh).length + UPLOADS;
      await until(
        async () => (await contentOf(berth.minio, BUCKET)).keys.length === left,
        'what was deleted is collected',
      );
      await berth.stop();

      berth = await ProcessDeployments.start(SETTINGS, {
        postgres: await startPostgres({ backup: database }),
        minio: copy,
      });
      await berth.startEach();
      const after = clientOf(berth);
      for (const [name, image] of Object.entries({ kept, deleted, moved })) {
        await after.pullAndCompare(`backup/${name}`, 'v1', image);
      }
      (await after.headManifest('backup/moved', fresh.manifest.digest)).expect(404);
      // What is missing is believed after the second.
      for (let run = 0; run < 2; run++) await wholeComparison(rows);
      expect(await rows('SELECT digest FROM registry.blob_quarantine')).toEqual([]);
      const { keys } = await contentOf(berth.minio, BUCKET);
      const known = (await rows('SELECT object_key FROM registry.blob')).map((row) => row['object_key']);
      expect(keys).toEqual(expect.arrayContaining(known));
      // What came later has objects and no rows: it waits for whoever pushes it again, and goes after a week.
      expect(keys.length - known.length).toBe(blobsOf(fresh).length + UPLOADS);

      // An upload goes on where it stood; of one that went on behind the copy of its row the bytes are not those any more.
      const resumed = new UploadSession(after, 'backup/half', halfway.session.location);
      (await resumed.patch(halfway.blob.bytes.subarray(HALF), HALF)).expect(202);
      (await resumed.finish(halfway.blob.digest)).expect(201);
      const lost = new UploadSession(after, 'backup/half', goneOn.session.location);
      (await lost.patch(goneOn.blob.bytes.subarray(HALF), HALF)).expect(404);
      await after.pushBlob('backup/half', goneOn.blob);
      for (const { blob } of [halfway, goneOn]) {
        expect((await after.getBlob('backup/half', blob.digest)).expect(200).bytes).toEqual(blob.bytes);
      }
      await after.push('backup/moved', fresh, 'v1');
      await after.pullAndCompare('backup/moved', 'v1', fresh);
    },
    LIMIT_MS,
  );

  async function uploadHalf(client: RegistryClient): Promise<{ blob: Blob; session: UploadSession }> {
    const blob = randomBlob(2 * HALF);
    const session = await client.startUpload('backup/half');
    (await session.patch(blob.bytes.subarray(0, HALF), 0)).expect(202);
    return { blob, session };
  }

  async function rows(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: berth.postgres.urlOf('berth') });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }
});
