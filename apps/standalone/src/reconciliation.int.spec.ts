import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ReconciliationV1, SHOW_RECONCILIATION } from '@berth/contracts';
import { S3BlobStore } from '@berth/blob-store';
import {
  anImage,
  blobsOf,
  eventually,
  exchange,
  findMinio,
  type Image,
  requireOrSkip,
  startMinio,
} from '@berth/testing';
import { ManagementClient } from './testing/management-client.js';
import { ADMIN, BOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(120_000);

const NAME = 'team/app';
const PARTS = 16 * 2 ** 20;
/** Of objects without a row, in seconds. */
const ORPHAN_AGE = 2;
const HASTY = {
  BERTH_GC_RECONCILE_SECONDS: '1',
  BERTH_GC_ORPHAN_SECONDS: String(ORPHAN_AGE),
  BERTH_GC_ABSENCE_SECONDS: '0',
  BERTH_GC_SCRUB_BYTES_PER_SECOND: '100000000',
  BERTH_READ_GRANT_SECONDS: '1',
};

/** A registry and, in its object store, somebody's hands. */
interface OpenStore {
  whole: WholeRegistry;
  remove(key: string): Promise<void>;
  put(key: string, bytes: Buffer): Promise<void>;
  read(key: string): Promise<Buffer>;
  has(key: string): Promise<boolean>;
  /** The store answers any question for this object with a fault. */
  breakObject(key: string): Promise<void>;
  /** A bit of an object of more than 128 KiB flips on the disk: its size stays, and what the store says then is its own. */
  rotObject(key: string): Promise<void>;
  saysOfRot: 'rot' | 'unreadable';
  /** Half an upload, of whole parts. */
  begin(key: string): Promise<void>;
  hasUpload(key: string): Promise<boolean>;
  stop(): Promise<void>;
}

async function onFolder(): Promise<OpenStore> {
  const whole = await startWholeRegistry(HASTY);
  const pathOf = (key: string) => join(whole.folder, 'blobs', key);
  const put = async (key: string, bytes: Buffer) => {
    await mkdir(dirname(pathOf(key)), { recursive: true });
    await rm(pathOf(key), { force: true });
    await writeFile(pathOf(key), bytes);
    await chmod(pathOf(key), 0o400);
  };
  return {
    whole,
    put,
    remove: (key) => rm(pathOf(key)),
    read: (key) => readFile(pathOf(key)),
    has: async (key) => existsSync(pathOf(key)),
    // What links to itself is there, and cannot be looked at.
    breakObject: async (key) => {
      await rm(pathOf(key));
      await symlink(basename(key), pathOf(key));
    },
    rotObject: async (key) => put(key, flipped(await readFile(pathOf(key)))),
    saysOfRot: 'rot',
    begin: (key) => put(key, Buffer.alloc(PARTS)),
    hasUpload: async (key) => existsSync(pathOf(key)),
    stop: () => whole.stop(),
  };
}

async function onS3(): Promise<OpenStore> {
  const minio = await startMinio();
  const { endpoint, accessKey, secretKey } = minio;
  const store = new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'berth' });
  // A MinIO that has just started may answer 503 for a moment.
  await eventually(() => store.ready().then(() => true), { what: 'the bucket is there' });
  const whole = await startWholeRegistry({
    ...HASTY,
    BERTH_BLOB_STORE: 's3',
    BERTH_S3_ENDPOINT: endpoint,
    BERTH_S3_ACCESS_KEY: accessKey,
    BERTH_S3_SECRET_KEY: secretKey,
    BERTH_S3_BUCKET: 'berth',
  });
  async function* body(bytes: Buffer) {
    yield bytes;
  }
  return {
    whole,
    put: async (key, bytes) => void (await store.append(null, key, body(bytes), { last: true })),
    remove: (key) => store.delete(key),
    read: async (key) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await store.read(key)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    has: async (key) => (await store.stat(key)) !== null,
    breakObject: async (key) => minio.breakObject('berth', key),
    rotObject: async (key) => minio.rotObject('berth', key),
    // It checks its own checksums, and fails at the bytes.
    saysOfRot: 'unreadable',
    begin: async (key) => void (await store.append(null, key, body(Buffer.alloc(PARTS)), { last: false })),
    hasUpload: async (key) => {
      for await (const upload of store.listHidden(key)) if (upload.key === key) return true;
      return false;
    },
    stop: async () => {
      await whole.stop();
      await store.close();
      await minio.stop();
    },
  };
}

const STORES = [
  { driver: 'a folder', reason: undefined, open: onFolder },
  { driver: 'MinIO', reason: findMinio().reason, open: onS3 },
];

describe.each(STORES)('a registry on $driver', ({ driver, reason, open }) => {
  requireOrSkip(`reconciliation on ${driver}`, reason)('whose object store somebody damages', () => {
    let on: OpenStore;
    let whole: WholeRegistry;
    const others = ['a', 'b'].map((tag) => ({ tag, image: anImage({ layers: 2 }) }));
    beforeAll(async () => {
      on = await open();
      ({ whole } = on);
      // Enough that a few which are damaged are not all of them.
      for (const { tag, image } of others) await whole.admin.push('team/other', image, tag);
    });
    afterAll(() => on.stop());

    const show = (): Promise<ReconciliationV1> => whole.registry.host.bus.request(SHOW_RECONCILIATION, { limit: 100 });
    const keyOf = async (digest: string): Promise<string> =>
      (await whole.registry.host.database!.prisma.blob.findUniqueOrThrow({ where: { digest } })).objectKey;
    const setKey = async (digest: string, objectKey: string): Promise<void> => {
      await whole.registry.host.database!.prisma.blob.update({ where: { digest }, data: { objectKey } });
    };
    const isQuarantined = (digest: string, expected: boolean) =>
      eventually(async () => (await show()).blobs.some((blob) => blob.digest === digest) === expected, {
        what: `${digest} is ${expected ? '' : 'no longer '}in quarantine`,
        within: 60_000,
      });
    const runIsOver = async () => {
      const finished = async () => (await show()).tasks[0]!.finishedAt ?? 0;
      const before = await finished();
      await eventually(async () => (await finished()) > before, { what: 'another run is over', within: 30_000 });
    };
    const pushed = async (tag: string): Promise<{ image: Image; layer: string }> => {
      const image = anImage({ layers: 2 });
      await whole.admin.push(NAME, image, tag);
      return { image, layer: blobsOf(image)[1]!.digest };
    };

    it.each([
      ['is gone', 'missing', (key: string) => on.remove(key)],
      ['is cut short', 'size', async (key: string) => on.put(key, (await on.read(key)).subarray(1))],
      ['has rotted', 'rot', async (key: string) => on.put(key, flipped(await on.read(key)))],
    ])('tells that the object of a layer %s, and is repaired by a push', async (_what, why, damage) => {
      const { image, layer } = await pushed(why);
      const key = await keyOf(layer);
      await damage(key);
      await isQuarantined(layer, true);
      expect((await show()).blobs).toEqual([
        expect.objectContaining({ digest: layer, reason: why, repositories: [NAME] }),
      ]);
      expect((await whole.admin.getBlob(NAME, layer)).status).toBe(404);
      expect((await whole.admin.headBlob(NAME, layer)).status).toBe(404);
      expect((await whole.admin.mountBlob('team/mounting', layer, NAME)).status).toBe(202);
      // An upload that is open holds the removal of objects up that were seen behind its beginning.
      await whole.registry.host.database!.prisma.uploadSession.deleteMany();
      // The rest is served as ever, its manifest too; but no new manifest may refer to it.
      for (const other of others) await whole.admin.pullAndCompare('team/other', other.tag, other.image);
      expect((await whole.admin.getManifest(NAME, why)).status).toBe(200);
      expect((await whole.admin.putManifest(NAME, 'again', image.manifest)).json()).toMatchObject({
        errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }],
      });
      await whole.admin.push(NAME, image, why);
      await isQuarantined(layer, false);
      await whole.admin.pullAndCompare(NAME, why, image);
      expect(await keyOf(layer)).not.toBe(key);
      await eventually(async () => !(await on.has(key)), { what: 'the damaged object is gone', within: 30_000 });
      await runIsOver();
      await whole.admin.pullAndCompare(NAME, why, image);
    });

    it.each([
      ['an object cannot be read', (_digest: string, key: string) => on.breakObject(key)],
      ['a row names a file elsewhere', (digest: string) => setKey(digest, 'objects/../../somewhere')],
      ['a row names what is too long for a key', (digest: string) => setKey(digest, `objects/${'x'.repeat(1_100)}`)],
    ])('goes on where %s, and is repaired by a push', async (_what, damage) => {
      const { image, layer } = await pushed('unreadable');
      const key = await keyOf(layer);
      await damage(layer, key);
      await isQuarantined(layer, true);
      expect((await show()).blobs).toEqual([expect.objectContaining({ digest: layer, reason: 'unreadable' })]);
      expect((await whole.admin.getBlob(NAME, layer)).status).toBe(404);
      expect((await whole.admin.headBlob(NAME, layer)).status).toBe(404);
      for (let runs = 0; runs < 2; runs++) await runIsOver();
      for (const other of others) await whole.admin.pullAndCompare('team/other', other.tag, other.image);
      await whole.admin.push(NAME, image, 'unreadable');
      await isQuarantined(layer, false);
      expect(await keyOf(layer)).not.toBe(key);
      await runIsOver();
      await whole.admin.pullAndCompare(NAME, 'unreadable', image);
      expect((await show()).tasks.map(({ held }) => held)).toEqual([null, null]);
    });

    it('tells that bytes of an object have rotted on the disk, and is repaired by a push', async () => {
      const image = anImage({ layers: 2, layerSize: 300_000 });
      await whole.admin.push(NAME, image, 'rotten');
      const layer = blobsOf(image)[1]!.digest;
      const key = await keyOf(layer);
      await on.rotObject(key);
      await isQuarantined(layer, true);
      expect((await show()).blobs).toEqual([expect.objectContaining({ digest: layer, reason: on.saysOfRot })]);
      for (let runs = 0; runs < 2; runs++) await runIsOver();
      expect((await whole.admin.headBlob(NAME, layer)).status).toBe(404);
      for (const other of others) await whole.admin.pullAndCompare('team/other', other.tag, other.image);
      await whole.admin.push(NAME, image, 'rotten');
      await isQuarantined(layer, false);
      expect(await keyOf(layer)).not.toBe(key);
      await eventually(async () => !(await on.has(key)), { what: 'the damaged object is gone', within: 30_000 });
      await whole.admin.pullAndCompare(NAME, 'rotten', image);
    });

    it('removes an object and half an upload that no row knows, and nothing of an upload that goes on', async () => {
      const orphan = 'objects/ab/ab000000-0000-4000-8000-000000000000';
      const half = 'objects/ac/ac000000-0000-4000-8000-000000000000';
      await on.put(orphan, Buffer.from('left by a crash'));
      await on.begin(half);
      expect(await on.hasUpload(half)).toBe(true);
      const image = anImage({ layers: 1 });
      const blob = blobsOf(image)[1]!;
      const session = await whole.admin.startUpload(NAME);
      (await session.patch(blob.bytes.subarray(0, 10), 0)).expect(202);
      const sessions = await whole.registry.host.database!.prisma.uploadSession.findMany();
      const unfinished = sessions.map(({ object }) => (object as { key: string } | null)?.key).filter(Boolean);
      expect(unfinished.length).toBeGreaterThan(0);
      for (let runs = 0; runs < 4; runs++) await runIsOver();
      for (const key of unfinished) expect(await on.has(key!)).toBe(true);
      (await session.patch(blob.bytes.subarray(10), 10)).expect(202);
      (await session.finish(blob.digest)).expect(201);
      await whole.admin.push(NAME, image, 'slow');
      await eventually(async () => !(await on.has(orphan)) && !(await on.hasUpload(half)), {
        what: 'both are gone',
        within: 30_000,
      });
      await runIsOver();
      await whole.admin.pullAndCompare(NAME, 'slow', image);
    });

    it('shows it to operators, and to nobody else', async () => {
      const { address } = whole.registry;
      const admin = await ManagementClient.logIn(address, { account: 'admin', ...ADMIN });
      const { image, layer } = await pushed('shown');
      const key = await keyOf(layer);
      await on.remove(key);
      await isQuarantined(layer, true);
      const shown = (await admin.get('garbage/reconcile')).expect(200).json<Record<string, unknown>>();
      expect(shown).toMatchObject({
        quarantined: 1,
        blobs: [{ digest: layer, object_key: key, reason: 'missing', repositories: [NAME] }],
      });
      expect(shown['tasks']).toEqual([
        expect.objectContaining({ task: 'objects', held: null, started_at: expect.any(String) as string }),
        expect.objectContaining({ task: 'scrub', held: null, started_at: expect.any(String) as string }),
      ]);
      const nothing = { task: 'objects', held: 'nothing' };
      const confirm = async (body: object) => admin.ask('POST', 'garbage/reconcile/confirm', body);
      expect((await confirm(nothing)).expect(200).json()).toEqual({ tasks: [] });
      for (const wrong of [
        {},
        { task: 'objects' },
        { task: 'all', held: 'x' },
        { task: 'objects', held: '\0' },
        { task: 'objects', held: 'x'.repeat(1_001) },
      ])
        (await confirm(wrong)).expect(400);
      const bob = await ManagementClient.logIn(address, { account: 'admin', ...BOB });
      (await bob.get('garbage/reconcile')).expect(403);
      (await bob.ask('POST', 'garbage/reconcile/confirm', nothing)).expect(403);
      // A blob whose object is gone can go like any other.
      (await whole.admin.deleteManifest(NAME, image.manifest.digest)).expect(202);
      (await whole.admin.deleteBlob(NAME, layer)).expect(202);
      await isQuarantined(layer, false);
    });

    it('shows it as metrics', async () => {
      const metrics = (await exchange({ method: 'GET', url: `${whole.registry.internalAddress}/metrics` })).text;
      expect(metrics).toMatch(/^berth_quarantined_blobs\{.*\} 0$/m);
      expect(metrics).toMatch(/^berth_damaged_blobs_total\{.*reason="rot".*\} [1-9]/m);
      expect(metrics).toMatch(/^berth_orphans_removed_total\{.*\} [1-9]/m);
      expect(metrics).toMatch(/^berth_scrubbed_blobs\{.*\} \d+$/m);
    });
  });
});

const flipped = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, n) => (n === 0 ? byte ^ 1 : byte)));
