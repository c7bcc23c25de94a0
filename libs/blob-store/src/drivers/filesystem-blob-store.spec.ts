import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { randomBytes } from 'node:crypto';
import { StoreUnavailable, UnfinishedObjectLost } from '../blob-store.js';
import {
  appendTo,
  bodyOf,
  brokenBody,
  bytesIn,
  completeObject,
  describeBlobStore,
  freshKey,
  hashOf,
  MORE_FOLLOWS,
  readHash,
  storeWhole,
  WHOLE,
} from '../blob-store.suite.js';
import { FilesystemBlobStore } from './filesystem-blob-store.js';
import { FolderInUse } from './folder-lock.js';

const MIB = 2 ** 20;

async function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'berth-blobs-'));
}

describeBlobStore(FilesystemBlobStore.name, async () => {
  const folder = await makeFolder();
  let store = new FilesystemBlobStore({ folder });
  return {
    store,
    reopen: async () => {
      await store.close();
      return (store = new FilesystemBlobStore({ folder }));
    },
    dispose: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

describe(FilesystemBlobStore.name, () => {
  let folder: string;
  let store: FilesystemBlobStore;

  beforeEach(async () => {
    folder = await makeFolder();
    store = new FilesystemBlobStore({ folder });
    await store.ready();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const modeOf = async (key: string) => (await stat(join(folder, key))).mode & 0o777;

  describe('files', () => {
    it('lie at their key, read-only once they are written to their end', async () => {
      const open = await appendTo(store, null, Buffer.from('open'));
      expect(await modeOf(open.key)).toBe(0o600);
      const whole = await appendTo(store, null, Buffer.from('whole'), WHOLE);
      expect(await modeOf(whole.key)).toBe(0o400);
      await store.complete(open);
      expect(await modeOf(open.key)).toBe(0o400);
      expect(await readFile(join(folder, whole.key), 'utf8')).toBe('whole');
    });

    it('stay in place while one writer appends', async () => {
      const first = await appendTo(store, null, randomBytes(100));
      const second = await store.append(first, freshKey(), bodyOf(randomBytes(100)), WHOLE);
      expect(second).toEqual({ object: { key: first.key, size: 200 }, obsolete: [], created: [] });
    });

    it('of a failed append are cut back or removed', async () => {
      const object = await appendTo(store, null, randomBytes(100));
      await expect(store.append(object, freshKey(), brokenBody(randomBytes(3 * MIB)), WHOLE)).rejects.toThrow();
      expect(await store.stat(object.key)).toMatchObject({ size: 100 });
      expect(await modeOf(object.key)).toBe(0o600);
      const key = freshKey('failed');
      await expect(store.append(null, key, brokenBody(randomBytes(3 * MIB)), WHOLE)).rejects.toThrow();
      expect(await store.stat(key)).toBeNull();
    });
  });

  describe('bytes behind the durable size', () => {
    it('are cut off at completion', async () => {
      const bytes = randomBytes(100);
      const object = await appendTo(store, null, bytes);
      await appendFile(join(folder, object.key), 'left by a crash');
      await store.complete(object);
      expect(await readHash(store, object.key)).toBe(hashOf(bytes));
    });

    it('are left alone by an append, which goes on in a copy', async () => {
      const [first, rest] = [randomBytes(2 * MIB), randomBytes(10)];
      const object = await appendTo(store, null, first);
      await appendFile(join(folder, object.key), 'left by a crash');
      const key = freshKey();
      const appended = await store.append(object, key, bodyOf(rest), MORE_FOLLOWS);
      expect(appended).toEqual({ object: { key, size: first.length + 10 }, obsolete: [object.key], created: [] });
      expect(await readHash(store, key)).toBe(hashOf(Buffer.concat([first, rest])));
      expect((await stat(join(folder, object.key))).size).toBe(first.length + 15);
    });

    it('that are missing make the object lost', async () => {
      const object = await appendTo(store, null, randomBytes(100));
      const longer = { ...object, size: 101 };
      await expect(store.complete(longer)).rejects.toThrow(UnfinishedObjectLost);
      await expect(appendTo(store, longer, randomBytes(1))).rejects.toThrow(UnfinishedObjectLost);
      await unlink(join(folder, object.key));
      await expect(store.complete(object)).rejects.toThrow(UnfinishedObjectLost);
    });
  });

  describe('a full disk', () => {
    it('is StoreUnavailable with its cause, and the body is told to end', async () => {
      const object = await appendTo(store, null, Buffer.alloc(0));
      await unlink(join(folder, object.key));
      await symlink('/dev/full', join(folder, object.key));
      let ended = false;
      const endless = (async function* () {
        try {
          for (;;) yield randomBytes(MIB);
        } finally {
          ended = true;
        }
      })();
      const failure: unknown = await store
        .append(object, freshKey(), endless, MORE_FOLLOWS)
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreUnavailable);
      expect((failure as StoreUnavailable).cause).toMatchObject({ code: 'ENOSPC' });
      expect(ended).toBe(true);
    });

    it('is not blamed for what the body throws', async () => {
      const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
      const body = (async function* (): AsyncGenerator<Uint8Array> {
        throw reset;
      })();
      await expect(store.append(null, freshKey(), body, WHOLE)).rejects.toBe(reset);
    });
  });

  describe('reads', () => {
    it('go on in small pieces when the large buffers are all lent', async () => {
      const bytes = randomBytes(3 * MIB);
      const key = await storeWhole(store, bytes);
      await store.close();
      store = new FilesystemBlobStore({ folder, readBufferBytes: MIB });
      const reads = await Promise.all(Array.from({ length: 8 }, async () => bytesIn(await store.read(key))));
      for (const content of reads) expect(hashOf(content)).toBe(hashOf(bytes));
    });

    it('leave no file open, whether they are consumed, broken off or not begun', async () => {
      const openFiles = async () => (await readdir('/proc/self/fd')).length;
      const key = await storeWhole(store, randomBytes(3 * MIB));
      const before = await openFiles();
      for (let round = 0; round < 50; round++) {
        await bytesIn(await store.read(key, { start: 0, end: 9 }));
        const beyond = await store.read(key, { start: 3 * MIB - 1, end: 3 * MIB });
        await expect(bytesIn(beyond)).rejects.toThrow(StoreUnavailable);
        for await (const chunk of await store.read(key)) if (chunk.length > 0) break;
        (await store.read(key)).destroy();
        const gone = new Writable({ write: () => gone.destroy() });
        await expect((await store.read(key)).writeTo(gone)).rejects.toThrow();
      }
      expect(await openFiles()).toBeLessThan(before + 10);
    });
  });

  describe('the lock', () => {
    const lockFile = () => join(folder, '.lock');

    it('refuses a second store on the folder, and lets it in when the first one has gone', async () => {
      const second = new FilesystemBlobStore({ folder });
      const refused: unknown = await second.ready().catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StoreUnavailable);
      expect((refused as StoreUnavailable).cause).toBeInstanceOf(FolderInUse);
      expect(String((refused as StoreUnavailable).cause)).toContain(`in use by process ${process.pid}`);
      await store.close();
      await second.ready();
      await second.close();
    });

    it('of a process that was killed is taken over', async () => {
      const holder = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
      await once(holder, 'spawn');
      const mine = JSON.parse(await readFile(lockFile(), 'utf8')) as { start: string };
      const start = (await readFile(`/proc/${holder.pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19];
      await store.close();
      await writeFile(lockFile(), JSON.stringify({ ...mine, pid: holder.pid, start }));
      await expect(store.ready()).rejects.toThrow(StoreUnavailable);
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      await store.ready();
      expect(JSON.parse(await readFile(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
      expect((await readdir(folder)).filter((name) => name.startsWith('.lock'))).toEqual(['.lock']);
    });

    it('of an earlier process with the same pid, or torn by a power failure, is taken over', async () => {
      const mine = JSON.parse(await readFile(lockFile(), 'utf8')) as { start: string };
      for (const text of [JSON.stringify({ ...mine, start: '1' }), '{"pid": 1', '']) {
        await store.close();
        await writeFile(lockFile(), text);
        await store.ready();
      }
      expect(JSON.parse(await readFile(lockFile(), 'utf8'))).toMatchObject({ pid: process.pid });
    });

    it('of another container is believed for as long as its heart beats', async () => {
      const mine = JSON.parse(await readFile(lockFile(), 'utf8')) as { place: string };
      await store.close();
      await writeFile(lockFile(), JSON.stringify({ ...mine, place: 'another machine' }));
      const heart = setInterval(() => void utimes(lockFile(), new Date(), new Date()), 1000);
      await expect(store.ready()).rejects.toThrow(StoreUnavailable);
      clearInterval(heart);
      await store.ready();
    }, 20_000);

    it('admits one of many that come at once to a stale lock', async () => {
      const mine = JSON.parse(await readFile(lockFile(), 'utf8')) as { start: string };
      await store.close();
      await writeFile(lockFile(), JSON.stringify({ ...mine, start: '1' }));
      const stores = Array.from({ length: 8 }, () => new FilesystemBlobStore({ folder }));
      const results = await Promise.allSettled(stores.map((candidate) => candidate.ready()));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await Promise.all(stores.map((candidate) => candidate.close()));
      expect(await readdir(folder)).toEqual([]);
    });
  });

  it('tells that the folder cannot be made, and works once it can', async () => {
    await writeFile(join(folder, 'file'), '');
    const nested = new FilesystemBlobStore({ folder: join(folder, 'file', 'blobs') });
    await expect(nested.ready()).rejects.toThrow(StoreUnavailable);
    await unlink(join(folder, 'file'));
    await nested.ready();
    await completeObject(nested, await appendTo(nested, null, Buffer.from('x'), WHOLE));
    await nested.close();
  });
});
