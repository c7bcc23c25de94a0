// The test kit depends on this library: an edge back to it would be a cycle in Nx's task graph.
// nx-ignore-next-line
import { findMinio, requireOrSkip, startMinio, type TestMinio } from '@berth/testing'; // eslint-disable-line @nx/enforce-module-boundaries
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'minio';
import { StoreUnavailable, type UnfinishedObject } from '../blob-store.js';
import {
  appendTo,
  bodyOf,
  brokenBody,
  completeObject,
  describeBlobStore,
  freshKey,
  hashOf,
  listed,
  MORE_FOLLOWS,
  persisted,
  readHash,
  storeWhole,
  WHOLE,
} from '../blob-store.suite.js';
import { FIRST_PART_SIZE } from '../part-size.js';
import { startForwarder, type Forwarder } from '../testing/http-forwarder.js';
import { S3BlobStore, type S3BlobStoreOptions } from './s3-blob-store.js';

jest.setTimeout(30_000);

const MIB = 2 ** 20;
const PART = FIRST_PART_SIZE;

requireOrSkip('minio', findMinio().reason)(`${S3BlobStore.name} on MinIO`, () => {
  let minio: TestMinio;
  let options: S3BlobStoreOptions;
  let store: S3BlobStore;

  beforeAll(async () => {
    minio = await startMinio();
    const { endpoint, accessKey, secretKey } = minio;
    options = { endpoint, accessKey, secretKey, bucket: 'blobs' };
    store = new S3BlobStore(options);
    await store.ready();
  }, 60_000);
  afterAll(async () => {
    await store?.close();
    await minio?.stop();
  }, 60_000);

  describeBlobStore(S3BlobStore.name, async () => {
    const opened = [new S3BlobStore({ ...options, bucket: 'contract' })];
    return {
      store: opened[0]!,
      reopen: async () => {
        opened.push(new S3BlobStore({ ...options, bucket: 'contract' }));
        return opened.at(-1)!;
      },
      dispose: async () => {
        for (const each of opened) await each.close();
      },
    };
  });

  describe('requests', () => {
    let forwarder: Forwarder;
    let forwarded: S3BlobStore;

    beforeEach(async () => {
      forwarder = await startForwarder(options.endpoint);
      forwarded = new S3BlobStore({ ...options, endpoint: forwarder.endpoint });
    });
    afterEach(async () => {
      await forwarded.close();
      await forwarder.stop();
    });

    /** Method and kind of every request, without keys and ids. */
    const kinds = () =>
      forwarder.requests.map((line) => {
        const [method, path] = line.split(' ');
        return `${method} ${/\?(uploads|uploadId)/.exec(path ?? '')?.[1] ?? 'object'}`;
      });

    it('of a small object are one PUT', async () => {
      for (const size of [0, 2000, PART]) {
        forwarder.requests.length = 0;
        await storeWhole(forwarded, randomBytes(size));
        expect(kinds()).toEqual(['PUT object']);
      }
    });

    it('of a large object are its parts, begun and ended', async () => {
      await storeWhole(forwarded, randomBytes(2 * PART + 1));
      const parts = Array<string>(3).fill('PUT uploadId');
      expect(kinds()).toEqual(['POST uploads', ...parts, 'POST uploadId']);
    });

    it('are repeated where the store answers 503 once', async () => {
      forwarder.faults.push(503);
      const bytes = randomBytes(1000);
      expect(await readHash(forwarded, await storeWhole(forwarded, bytes))).toBe(hashOf(bytes));
      expect(kinds()).toEqual(['PUT object', 'PUT object', 'GET object']);
    });

    it('end in StoreUnavailable where it goes on answering so', async () => {
      forwarder.faults.push(503, 500, 503);
      const failure: unknown = await storeWhole(forwarded, randomBytes(1000)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreUnavailable);
      expect((failure as StoreUnavailable).cause).toMatchObject({ status: 503 });
    });

    it('complete an object whose completion was done but never answered', async () => {
      for (const sizes of [[PART + 1], [PART + 1, 100]]) {
        const pieces = sizes.map((size) => randomBytes(size));
        let object: UnfinishedObject | null = null;
        for (const piece of pieces) object = await appendTo(forwarded, object, piece);
        forwarder.cutAnswerTo(/^POST .*uploadId/);
        const key = await completeObject(forwarded, object!);
        expect(forwarder.cut).toBe(true);
        expect(await readHash(forwarded, key)).toBe(hashOf(Buffer.concat(pieces)));
      }
    });

    it('leave no connection behind when readers go away', async () => {
      const key = await storeWhole(store, randomBytes(16 * MIB));
      for (let round = 0; round < 20; round++) {
        const body = await forwarded.read(key, { start: round, end: 16 * MIB - 1 });
        for await (const chunk of body) if (chunk.length > 0) break;
      }
      await sleep(100);
      expect(await forwarder.connections()).toBeLessThan(3);
    });

    it('that end in the middle of a read are StoreUnavailable', async () => {
      const key = await storeWhole(store, randomBytes(16 * MIB));
      const body = await forwarded.read(key);
      const reading = (async () => {
        for await (const _chunk of body) forwarder.cutAll();
      })();
      await expect(reading).rejects.toThrow(StoreUnavailable);
    });
  });

  it('keeps no multipart upload behind', async () => {
    const client = clientOf(options);
    const uploads = async (key: string) => (await client.listIncompleteUploadsQuery('blobs', key, '', '', '')).uploads;
    const key = freshKey();
    await expect(store.append(null, key, brokenBody(randomBytes(PART + 10)), WHOLE)).rejects.toThrow(
      'client went away',
    );
    expect(await uploads(key)).toEqual([]);

    const object = await appendTo(store, null, randomBytes(PART + 10));
    await client.initiateNewMultipartUpload('blobs', object.key, {});
    expect(await uploads(object.key)).toHaveLength(2);
    await store.abort({ key: object.key, size: 0 });
    expect(await uploads(object.key)).toEqual([]);
    expect(await listed(store, object.key)).toEqual([]);
  });

  it('presigns a URL that needs no credentials, and only for its time', async () => {
    const bytes = randomBytes(1000);
    const key = await storeWhole(store, bytes);
    const url = await store.presignRead(key, 2);
    const answer = await fetch(url);
    expect(hashOf(Buffer.from(await answer.arrayBuffer()))).toBe(hashOf(bytes));
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('content-disposition')).toBe('attachment');
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, bytes.subarray(10, 20)]);
    await sleep(3000);
    expect((await fetch(url)).status).toBe(403);
    const outside = new S3BlobStore({ ...options, publicEndpoint: 'https://blobs.example.org' });
    expect(await outside.presignRead(key, 60)).toMatch(
      /^https:\/\/blobs\.example\.org\/blobs\/objects\/.*X-Amz-Expires=60/,
    );
  });

  describe('a store that is away', () => {
    async function failsWithin(limit: number, away: S3BlobStore): Promise<void> {
      const start = performance.now();
      await expect(away.ready()).rejects.toThrow(StoreUnavailable);
      expect(performance.now() - start).toBeLessThan(limit);
    }

    it('is found out at once where nobody listens', async () => {
      const away = new S3BlobStore({ ...options, endpoint: 'http://127.0.0.1:1' });
      await failsWithin(1000, away);
      await expect(away.append(null, freshKey(), bodyOf(randomBytes(10)), WHOLE)).rejects.toThrow(StoreUnavailable);
      await expect(away.read(freshKey())).rejects.toThrow(StoreUnavailable);
      await expect(away.stat(freshKey())).rejects.toThrow(StoreUnavailable);
      await expect(listed(away, '')).rejects.toThrow(StoreUnavailable);
    });

    it('is found out in seconds where nobody answers', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as { port: number };
      const away = new S3BlobStore({ ...options, endpoint: `http://127.0.0.1:${port}` });
      await failsWithin(4500, away);
      await away.close();
      silent.close();
    });

    it('is no missing object where the credentials are wrong', async () => {
      const stranger = new S3BlobStore({ ...options, secretKey: 'wrong-secret' });
      await expect(stranger.ready()).rejects.toThrow(StoreUnavailable);
      await expect(stranger.read(freshKey())).rejects.toThrow(StoreUnavailable);
      await stranger.close();
    });
  });

  it('goes on after kill -9 of the store in the middle of an append', async () => {
    const [first, rest] = [randomBytes(PART + 1000), randomBytes(6 * PART + 77)];
    const object = await appendTo(store, null, first);
    let sent = 0;
    let dead: Promise<void> | undefined;
    const killer = (async function* () {
      for await (const chunk of bodyOf(rest)) {
        sent += chunk.length;
        if (sent > 4 * PART) dead ??= minio.kill();
        yield chunk;
      }
    })();
    await expect(store.append(object, freshKey(), killer, WHOLE)).rejects.toThrow(StoreUnavailable);
    await dead;
    await expect(store.ready()).rejects.toThrow(StoreUnavailable);

    await minio.restart();
    await store.ready();
    const { object: whole } = await store.append(object, freshKey(), bodyOf(rest), WHOLE);
    const key = await completeObject(store, persisted(whole));
    expect(await readHash(store, key)).toBe(hashOf(Buffer.concat([first, rest])));
  }, 60_000);

  describe('memory', () => {
    it('is shared by more appends than it holds buffers for', async () => {
      const scarce = new S3BlobStore({ ...options, bufferBytes: 3 * PART });
      const all = Array.from({ length: 6 }, () => randomBytes(3 * PART + 5));
      const keys = await Promise.all(all.map((bytes) => storeWhole(scarce, bytes)));
      for (const [index, key] of keys.entries()) expect(await readHash(store, key)).toBe(hashOf(all[index]!));
      await scarce.close();
    }, 60_000);

    it('stays level while 1 GiB is appended', async () => {
      await completeObject(store, (await store.append(null, freshKey(), repeated(256 * MIB), WHOLE)).object);
      const before = process.memoryUsage().rss;
      let highest = before;
      const sampler = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 20);
      const start = performance.now();
      const { object } = await store.append(null, freshKey(), repeated(1024 * MIB), MORE_FOLLOWS);
      const seconds = (performance.now() - start) / 1000;
      clearInterval(sampler);
      const grown = Math.round((highest - before) / MIB);
      process.stdout.write(`1 GiB to MinIO: RSS +${grown} MiB, ${Math.round(1024 / seconds)} MiB/s\n`);
      expect(object.size).toBe(1024 * MIB);
      expect(grown).toBeLessThan(128);
      await store.delete(await completeObject(store, object));
    }, 120_000);
  });
});

function clientOf({ endpoint, accessKey, secretKey }: S3BlobStoreOptions): Client {
  const { hostname, port } = new URL(endpoint);
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
}

/** New chunks, as a socket gives them: one that is used again would hide what is held too long. */
async function* repeated(bytes: number): AsyncGenerator<Uint8Array> {
  const pattern = createHash('sha512').update('pattern').digest();
  for (let sent = 0; sent < bytes; sent += 64 * 1024) yield Buffer.alloc(64 * 1024, pattern);
}
