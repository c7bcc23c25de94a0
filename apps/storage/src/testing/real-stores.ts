import { type BlobStore, FilesystemBlobStore, S3BlobStore } from '@berth/blob-store';
import { contentOf, findMinio, startMinio, tempFolder } from '@berth/testing';
import { chmodSync, globSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A store of a real driver, and what lies in it. */
export interface RealStore {
  /** The same store, as each process of storage opens it: a folder is for one. */
  opened: BlobStore[];
  /** Keys of all objects and of all multipart uploads under way, as the file system or S3 lists them. */
  content(): Promise<string[]>;
  /** From now on the store answers any question for this object with a fault, as after damage of the disk. */
  breakObject(key: string): void;
  /** A byte of an object of more than 128 KiB changes; `isCheckedByStore`: the store fails to read it then. */
  rotObject(key: string): void;
  isCheckedByStore: boolean;
  stop(): Promise<void>;
}

export const REAL_STORES: { driver: string; reason: string | undefined; open: () => Promise<RealStore> }[] = [
  { driver: 'a folder', reason: undefined, open: openFolder },
  { driver: 'S3', reason: findMinio().reason, open: openS3 },
];

async function openFolder(): Promise<RealStore> {
  const folder = tempFolder();
  const store = new FilesystemBlobStore({ folder: folder.path });
  await store.ready();
  return {
    opened: [store],
    content: async () => globSync('objects/*/*', { cwd: folder.path }).sort(),
    breakObject: (key) => {
      const path = join(folder.path, key);
      rmSync(path);
      // What links to itself is there, and cannot be looked at: ELOOP.
      symlinkSync(basename(path), path);
    },
    rotObject: (key) => {
      const path = join(folder.path, key);
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1]! ^= 1;
      chmodSync(path, 0o600);
      writeFileSync(path, bytes);
    },
    isCheckedByStore: false,
    stop: async () => {
      await store.close();
      folder.remove();
    },
  };
}

async function openS3(): Promise<RealStore> {
  const minio = await startMinio();
  const { endpoint, accessKey, secretKey } = minio;
  const opened = [1, 2].map(() => new S3BlobStore({ endpoint, accessKey, secretKey, bucket: 'blobs' }));
  await opened[0]!.ready();
  return {
    opened,
    content: async () => {
      const { keys, incomplete } = await contentOf(minio, 'blobs');
      return [...keys, ...incomplete].sort();
    },
    breakObject: (key) => minio.breakObject('blobs', key),
    rotObject: (key) => minio.rotObject('blobs', key),
    isCheckedByStore: true,
    stop: async () => {
      for (const store of opened) await store.close();
      await minio.stop();
    },
  };
}
