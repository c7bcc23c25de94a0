import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { S3BlobStore } from '@berth/blob-store';
import { eventually, startMinio } from '@berth/testing';

/** The object store of a registry, past the registry. */
export interface ObjectStore {
  /** The settings that make a registry use it; `folder` is its data folder. */
  readonly settings: Record<string, string>;
  /** In order. */
  keys(): Promise<string[]>;
  read(key: string): Promise<Buffer>;
  put(key: string, bytes: Buffer): Promise<void>;
  remove(key: string): Promise<void>;
  stop(): Promise<void>;
}

export function folderStore(dataFolder: string): ObjectStore {
  const root = join(dataFolder, 'blobs');
  const objects = join(root, 'objects');
  return {
    settings: { BERTH_BLOB_STORE: 'filesystem' },
    keys: async () => {
      if (!existsSync(objects)) return [];
      const entries = await readdir(objects, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return files.map((file) => relative(root, join(file.parentPath, file.name))).sort();
    },
    read: (key) => readFile(join(root, key)),
    put: async (key, bytes) => {
      await mkdir(dirname(join(root, key)), { recursive: true });
      await writeFile(join(root, key), bytes);
    },
    remove: (key) => rm(join(root, key), { force: true }),
    stop: async () => undefined,
  };
}

export async function minioStore(): Promise<ObjectStore> {
  const minio = await startMinio();
  const { endpoint, accessKey, secretKey } = minio;
  const store = new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'berth' });
  // A MinIO that has just started may answer 503 for a moment.
  await eventually(() => store.ready().then(() => true), { what: 'the bucket is there' });
  return {
    settings: {
      BERTH_BLOB_STORE: 's3',
      BERTH_S3_ENDPOINT: endpoint,
      BERTH_S3_ACCESS_KEY: accessKey,
      BERTH_S3_SECRET_KEY: secretKey,
      BERTH_S3_BUCKET: 'berth',
    },
    keys: async () => (await all(store.list(''))).map(({ key }) => key),
    read: async (key) => Buffer.concat(await all(await store.read(key))),
    put: async (key, bytes) => void (await store.append(null, key, chunks(bytes), { last: true })),
    remove: (key) => store.delete(key),
    stop: async () => {
      await store.close();
      await minio.stop();
    },
  };
}

async function* chunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function all<Thing>(things: AsyncIterable<Thing>): Promise<Thing[]> {
  const found: Thing[] = [];
  for await (const thing of things) found.push(thing);
  return found;
}
