import { close, fstatSync } from 'node:fs';
import { access, chmod, constants, mkdir, open, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type {
  AppendOptions,
  AppendResult,
  ByteRange,
  HiddenUpload,
  ObjectStat,
  UnfinishedObject,
} from '../blob-store.js';
import { BlobStore, StoreUnavailable, UnfinishedObjectLost } from '../blob-store.js';
import type { ObjectBody } from '../object-body.js';
import { assertObjectKey } from '../object-key.js';
import { DurableFolders } from './durable-folders.js';
import { writeBody } from './file-append.js';
import { fileCall, fileFault, isMissing, unfinishedFileCall } from './file-faults.js';
import { FileBody, openToRead } from './file-body.js';
import { listFolder, statFile } from './folder-listing.js';
import { FolderLock } from './folder-lock.js';
import { ReadBuffers } from './read-buffers.js';

const UNFINISHED = 0o600;
const SEALED = 0o400;

/**
 * Objects as files of one folder, an object's key being its path. For one process: a lock file keeps a second one out.
 *
 * An unfinished object already lies at its final path, so completing moves nothing. What marks it as written to its end
 * is that its file is read-only ("sealed"), which costs nothing where one append with `last` makes the object: the file
 * is created so. The seal protects bytes, it does not hide them: completeness is the caller's row, and `stat`, `read`
 * and `list` show unfinished objects as well.
 *
 * Bytes that a state may refer to are never overwritten. An append whose file is sealed, is longer than its state says
 * (a crash, or another writer), or is being appended to, goes on in a copy under its fresh key. An append that fails
 * cuts off what it wrote.
 */
export class FilesystemBlobStore extends BlobStore {
  private readonly folder: string;
  private readonly folders = new DurableFolders();
  private readonly busy = new Set<string>();
  private readonly buffers: ReadBuffers;
  private lock: Promise<FolderLock> | null = null;

  /** `readBufferBytes`: memory for large buffers of all reads (default 64 MiB); beyond it reads go in small pieces. */
  constructor(options: { folder: string; readBufferBytes?: number }) {
    super();
    this.folder = resolve(options.folder);
    this.buffers = new ReadBuffers(options.readBufferBytes);
  }

  async append(
    previous: UnfinishedObject | null,
    freshKey: string,
    body: AsyncIterable<Uint8Array>,
    options: AppendOptions,
  ): Promise<AppendResult> {
    await this.open();
    if (previous === null) return { object: await this.create(freshKey, body, options), obsolete: [], created: [] };
    const object = await this.extend(previous, body, options);
    if (object) return { object, obsolete: [], created: [] };
    const copy = await this.create(freshKey, this.continued(previous, body), options);
    return { object: copy, obsolete: [previous.key], created: [] };
  }

  async complete(object: UnfinishedObject): Promise<{ key: string; obsolete: string[] }> {
    await this.open();
    const done = await this.alone(object.key, async () => {
      await this.seal(object);
      return { key: object.key, obsolete: [] };
    });
    if (!done) throw new StoreUnavailable('complete', new Error(`another call works on ${object.key}`));
    return done;
  }

  async abort(object: UnfinishedObject): Promise<void> {
    await this.delete(object.key);
  }

  async read(key: string, range?: ByteRange): Promise<ObjectBody> {
    await this.open();
    const path = this.pathOf(key);
    const file = await fileCall('read', key, () => openToRead(path));
    return new FileBody(file, key, range ?? this.wholeOf(key, file), this.buffers);
  }

  async stat(key: string): Promise<ObjectStat | null> {
    assertObjectKey(key);
    await this.open();
    return fileCall('stat', key, () => statFile(this.folder, key));
  }

  async delete(key: string): Promise<void> {
    await this.open();
    const path = this.pathOf(key);
    await fileCall('delete', key, () => unlink(path).catch(ignoreMissing));
  }

  async *list(prefix: string, after = ''): AsyncGenerator<ObjectStat> {
    await this.open();
    try {
      yield* listFolder(this.folder, prefix, after);
    } catch (error) {
      throw fileFault('list', prefix, error);
    }
  }

  async *listHidden(): AsyncGenerator<HiddenUpload> {}

  async presignRead(): Promise<null> {
    return null;
  }

  /** Makes the folder and takes its lock at first use; fails where another process has it, and tries anew when called again. */
  async ready(): Promise<void> {
    await this.open();
    await access(this.folder, constants.W_OK).catch((error: unknown) => {
      throw new StoreUnavailable(`writing to ${this.folder}`, error);
    });
  }

  /** Gives the folder back. Nothing may be under way. */
  async close(): Promise<void> {
    const lock = this.lock;
    this.lock = null;
    await this.folders.close();
    await (await lock?.catch(() => null))?.release();
  }

  private wholeOf(key: string, file: number): ByteRange {
    try {
      return { start: 0, end: fstatSync(file).size - 1 };
    } catch (error) {
      close(file, () => undefined);
      throw fileFault('stat', key, error);
    }
  }

  private open(): Promise<FolderLock> {
    this.lock ??= this.acquire();
    return this.lock;
  }

  private async acquire(): Promise<FolderLock> {
    try {
      await mkdir(this.folder, { recursive: true });
      return await FolderLock.acquire(this.folder);
    } catch (error) {
      this.lock = null;
      throw new StoreUnavailable(`opening ${this.folder}`, error);
    }
  }

  /** A new object from `body`. System calls: open, one write per MiB, fdatasync beside the folder's fsync, close. */
  private async create(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { last }: AppendOptions,
  ): Promise<UnfinishedObject> {
    const path = this.pathOf(key);
    const file = await this.createFile(key, path, last ? SEALED : UNFINISHED);
    try {
      const size = await writeBody(file, 0, body);
      await fileCall('sync', key, () => Promise.all([file.datasync(), this.folders.sync(dirname(path))]));
      return { key, size };
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  }

  private async createFile(key: string, path: string, mode: number): Promise<FileHandle> {
    return fileCall('create', key, async () => {
      try {
        return await open(path, 'wx', mode);
      } catch (error) {
        if (!isMissing(error)) throw error;
        await this.folders.make(dirname(path));
        return open(path, 'wx', mode);
      }
    });
  }

  /** Null, and nothing touched, where the bytes behind `previous` may belong to somebody else. */
  private extend(previous: UnfinishedObject, body: AsyncIterable<Uint8Array>, options: AppendOptions) {
    return this.alone(previous.key, async () => {
      const file = await this.openToExtend(previous);
      return file && (await this.write(file, previous, body, options));
    });
  }

  /** Null, and `call` not run, where another call works on `key`. */
  private async alone<T>(key: string, call: () => Promise<T>): Promise<T | null> {
    if (this.busy.has(key)) return null;
    this.busy.add(key);
    try {
      return await call();
    } finally {
      this.busy.delete(key);
    }
  }

  private async openToExtend(previous: UnfinishedObject): Promise<FileHandle | null> {
    const path = this.pathOf(previous.key);
    const file = await unfinishedFileCall('append', previous.key, () => open(path, 'r+').catch(nullIfSealed));
    if (file === null) return null;
    const found = await file.stat();
    if (found.size === previous.size && !isSealed(found.mode)) return file;
    await file.close();
    if (found.size < previous.size) throw wrongSize(previous, found.size);
    return null;
  }

  private async write(
    file: FileHandle,
    previous: UnfinishedObject,
    body: AsyncIterable<Uint8Array>,
    { last }: AppendOptions,
  ): Promise<UnfinishedObject> {
    try {
      const size = await writeBody(file, previous.size, body);
      if (size === previous.size) return previous;
      if (last) await fileCall('seal', previous.key, () => file.chmod(SEALED));
      await fileCall('sync', previous.key, () => file.datasync());
      return { ...previous, size };
    } catch (error) {
      await file.chmod(UNFINISHED).catch(() => undefined);
      await file.truncate(previous.size).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  }

  /** The bytes of `previous` from its file, then those of `body`. */
  private async *continued(previous: UnfinishedObject, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { key, size } = previous;
    const file = await unfinishedFileCall('read', key, () => openToRead(this.pathOf(key)));
    const durable = new FileBody(file, key, { start: 0, end: size - 1 }, this.buffers);
    try {
      const found = fstatSync(file).size;
      if (found < size) throw wrongSize(previous, found);
      yield* durable;
    } finally {
      durable.destroy();
    }
    yield* body;
  }

  private async seal({ key, size }: UnfinishedObject): Promise<void> {
    const path = this.pathOf(key);
    const found = await unfinishedFileCall('complete', key, () => stat(path));
    const sealed = isSealed(found.mode);
    if (found.size < size || (sealed && found.size > size)) throw wrongSize({ key, size }, found.size);
    if (found.size > size) await fileCall('complete', key, () => cutOff(path, size));
    if (!sealed) await fileCall('complete', key, () => chmod(path, SEALED));
  }

  private pathOf(key: string): string {
    assertObjectKey(key);
    return join(this.folder, key);
  }
}

function isSealed(mode: number): boolean {
  return (mode & 0o200) === 0;
}

/** Who is not root cannot even open a sealed file for writing. */
function nullIfSealed(error: NodeJS.ErrnoException): null {
  if (error.code === 'EACCES') return null;
  throw error;
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

function wrongSize(object: UnfinishedObject, found: number): UnfinishedObjectLost {
  return new UnfinishedObjectLost(object.key, `${object.size} bytes were durable, ${found} are there`);
}

async function cutOff(path: string, size: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(size);
    await file.datasync();
  } finally {
    await file.close();
  }
}
