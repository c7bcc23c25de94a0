import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import {
  ObjectNotFound,
  UnfinishedObjectLost,
  type BlobStore,
  type ByteRange,
  type HiddenUpload,
  type ObjectStat,
  type UnfinishedObject,
} from './blob-store.js';
import type { ObjectBody } from './object-body.js';
import { FIRST_PART_SIZE } from './part-size.js';

/** What the suite needs of a driver: a store, and another instance that sees what the first one has stored. */
export interface StoreUnderTest {
  store: BlobStore;
  /** As after a restart of the process, or on another replica. */
  reopen(): Promise<BlobStore>;
  dispose(): Promise<void>;
}

export const WHOLE = { last: true };
export const MORE_FOLLOWS = { last: false };
const KIB = 1024;
const MIB = 2 ** 20;
const PART = FIRST_PART_SIZE;

export function freshKey(prefix = 'objects'): string {
  return `${prefix}/${randomBytes(1).toString('hex')}/${randomUUID()}`;
}

/** `bytes` as a body in chunks of `chunkSize`. */
export async function* bodyOf(bytes: Uint8Array, chunkSize = 64 * KIB): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += chunkSize) yield bytes.subarray(start, start + chunkSize);
}

/** A client that goes away behind `bytes`. */
export async function* brokenBody(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* bodyOf(bytes);
  throw new Error('client went away');
}

export async function bytesIn(content: ObjectBody): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Collects what is written to it, no faster than a slow client would take it. */
export class SlowDestination extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // A copy: its owner fills the buffer again as soon as this is done.
    this.chunks.push(Buffer.from(chunk));
    setImmediate(done);
  }
}

/** A hash, so that a failing comparison of megabytes prints one line. */
export function hashOf(bytes: Uint8Array): string {
  return `${bytes.length}:${createHash('sha256').update(bytes).digest('hex')}`;
}

export async function readHash(store: BlobStore, key: string, range?: ByteRange): Promise<string> {
  return hashOf(await bytesIn(await store.read(key, range)));
}

/** What the caller does with a state: through its database and back. */
export function persisted(object: UnfinishedObject): UnfinishedObject {
  return JSON.parse(JSON.stringify(object)) as UnfinishedObject;
}

/** One append as a well-behaved caller does it: persist first, delete what is obsolete then. */
export async function appendTo(
  store: BlobStore,
  previous: UnfinishedObject | null,
  bytes: Uint8Array,
  options = MORE_FOLLOWS,
): Promise<UnfinishedObject> {
  const { object, obsolete } = await store.append(previous, freshKey(), bodyOf(bytes), options);
  for (const key of obsolete) await store.delete(key);
  return persisted(object);
}

export async function completeObject(store: BlobStore, object: UnfinishedObject): Promise<string> {
  const { key, obsolete } = await store.complete(object);
  for (const unneeded of obsolete) await store.delete(unneeded);
  return key;
}

/** Stores `bytes` in one append. */
export async function storeWhole(store: BlobStore, bytes: Uint8Array): Promise<string> {
  return completeObject(store, await appendTo(store, null, bytes, WHOLE));
}

export async function listed(store: BlobStore, prefix: string, after?: string): Promise<ObjectStat[]> {
  const found: ObjectStat[] = [];
  for await (const object of store.list(prefix, after)) found.push(object);
  return found;
}

/** The contract of the port. Every driver passes all of it. */
export function describeBlobStore(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the BlobStore contract`, () => {
    let made: StoreUnderTest;
    let store: BlobStore;

    beforeAll(async () => {
      made = await makeStore();
      store = made.store;
      await store.ready();
    });
    afterAll(() => made.dispose());

    describe('append and complete', () => {
      it.each([0, 1, MIB - 1, MIB, MIB + 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1])(
        'stores %i bytes in one append',
        async (size) => {
          const bytes = randomBytes(size);
          const key = await storeWhole(store, bytes);
          expect(await store.stat(key)).toMatchObject({ key, size });
          expect(await readHash(store, key)).toBe(hashOf(bytes));
        },
      );

      it.each([1, 7, 4 * KIB, 65_537, 3 * MIB, 20 * MIB])('takes chunks of %i bytes', async (chunkSize) => {
        const bytes = randomBytes(chunkSize < 100 ? 10_007 : PART + 3 * MIB + 5);
        const { object } = await store.append(null, freshKey(), bodyOf(bytes, chunkSize), WHOLE);
        expect(object.size).toBe(bytes.length);
        expect(await readHash(store, await completeObject(store, object))).toBe(hashOf(bytes));
      });

      it('passes over empty chunks', async () => {
        const body = [Buffer.alloc(0), Buffer.from('ab'), Buffer.alloc(0), Buffer.from('c'), Buffer.alloc(0)];
        const { object } = await store.append(null, freshKey(), asBody(body), WHOLE);
        expect(await readHash(store, await completeObject(store, object))).toBe(hashOf(Buffer.from('abc')));
      });

      it.each([
        ['small ones', [0, 1, 10, 0, 1000, 300 * KIB]],
        ['ones that pass a part', [PART - 1, 1, 1, PART, 5]],
        ['ones that leave tails', [PART + 10, 20, PART - 31, 1, 3 * MIB, PART]],
        ['exact parts', [PART, PART, 2 * PART]],
      ])('joins several appends: %s', async (_case, sizes) => {
        const pieces = sizes.map((size) => randomBytes(size));
        let object: UnfinishedObject | null = null;
        let size = 0;
        for (const piece of pieces) {
          object = await appendTo(store, object, piece);
          size += piece.length;
          expect(object.size).toBe(size);
        }
        const key = await completeObject(store, object!);
        expect(await readHash(store, key)).toBe(hashOf(Buffer.concat(pieces)));
        expect(await store.stat(key)).toMatchObject({ size });
      });

      it('takes the last bytes of several appends as last', async () => {
        const pieces = [randomBytes(PART + 10), randomBytes(700)];
        const object = await appendTo(store, await appendTo(store, null, pieces[0]!), pieces[1]!, WHOLE);
        const key = await completeObject(store, object);
        expect(await readHash(store, key)).toBe(hashOf(Buffer.concat(pieces)));
      });

      it('gives the same object back when nothing is appended', async () => {
        for (const size of [0, 5, PART + 5]) {
          const object = await appendTo(store, null, randomBytes(size));
          const again = await store.append(object, freshKey(), bodyOf(Buffer.alloc(0)), WHOLE);
          expect(again).toEqual({ object, obsolete: [], created: [] });
          await expect(store.complete(again.object)).resolves.toMatchObject({ key: object.key });
        }
      });

      it('leaves nothing but the object behind', async () => {
        const prefix = `tidy-${randomUUID()}`;
        let object: UnfinishedObject | null = null;
        for (const size of [10, PART, 20, PART, 30]) {
          const appended = await store.append(object, freshKey(prefix), bodyOf(randomBytes(size)), MORE_FOLLOWS);
          for (const key of appended.obsolete) await store.delete(key);
          object = appended.object;
        }
        const key = await completeObject(store, object!);
        expect((await listed(store, prefix)).map((found) => found.key)).toEqual([key]);
      });

      it('leaves only the last state behind where other appends from the same one are given up', async () => {
        const prefix = `given-up-${randomUUID()}`;
        const [first, second] = [randomBytes(PART + 1000), randomBytes(2000)];
        const begun = await store.append(null, freshKey(prefix), bodyOf(first), MORE_FOLLOWS);
        const previous = persisted(begun.object);
        const givenUp = await store.append(previous, freshKey(prefix), bodyOf(randomBytes(3000)), MORE_FOLLOWS);
        const kept = await store.append(previous, freshKey(prefix), bodyOf(second), MORE_FOLLOWS);
        for (const key of kept.obsolete) await store.delete(key);
        if (givenUp.object.key !== previous.key) await store.abort(givenUp.object);
        else for (const key of givenUp.created) await store.delete(key);
        const key = await completeObject(store, kept.object);
        expect((await listed(store, prefix)).map((found) => found.key)).toEqual([key]);
        expect(await readHash(store, key)).toBe(hashOf(Buffer.concat([first, second])));
      });

      it('completes twice', async () => {
        for (const sizes of [[5], [PART + 5], [PART + 5, 6], [PART, PART]]) {
          const pieces = sizes.map((size) => randomBytes(size));
          let object: UnfinishedObject | null = null;
          for (const piece of pieces) object = await appendTo(store, object, piece);
          const first = await completeObject(store, object!);
          expect(await completeObject(store, object!)).toBe(first);
          expect(await readHash(store, first)).toBe(hashOf(Buffer.concat(pieces)));
        }
      });

      it('keeps concurrent appends of different objects apart', async () => {
        const all = [100, PART + 1, 2 * MIB, 2 * PART, 0, 300 * KIB, PART, 17].map((size) => randomBytes(size));
        const keys = await Promise.all(all.map((bytes) => storeWhole(store, bytes)));
        const hashes = await Promise.all(keys.map((key) => readHash(store, key)));
        expect(hashes).toEqual(all.map(hashOf));
      });

      it('refuses keys that are none', async () => {
        for (const key of ['', '/etc/x', '../x', 'a/../x', 'a//b', 'a/.hidden', 'a\\b', 'a\0b', 'a/', './a']) {
          await expect(store.append(null, key, bodyOf(Buffer.from('x')), WHOLE)).rejects.toThrow(TypeError);
          await expect(store.read(key)).rejects.toThrow(TypeError);
          await expect(store.delete(key)).rejects.toThrow(TypeError);
        }
      });
    });

    describe('a body that throws', () => {
      it.each([
        ['a new object', null, 100],
        ['a new object of several parts', null, 2 * PART + 100],
        ['a small object', 1000, 5000],
        ['a small object that passes a part', 1000, PART + 100],
        ['parts with a tail', PART + 1000, PART + 100],
        ['parts with a tail, in the tail', PART + 1000, 100],
      ])('leaves the previous state valid: %s', async (_case, before, broken) => {
        const first = randomBytes(before ?? 0);
        const previous = before === null ? null : await appendTo(store, null, first);
        const failed = store.append(previous, freshKey(), brokenBody(randomBytes(broken)), WHOLE);
        await expect(failed).rejects.toThrow('client went away');

        const rest = randomBytes(2000);
        const key = await completeObject(store, await appendTo(store, previous, rest));
        expect(await readHash(store, key)).toBe(hashOf(Buffer.concat([first, rest])));
      });
    });

    describe('a second instance', () => {
      it.each([
        ['a small object', [1000]],
        ['parts', [2 * PART]],
        ['parts and a tail', [PART + 1000]],
        ['parts and a rewritten tail', [PART + 1000, 2000]],
      ])('goes on with the persisted state: %s', async (_case, sizes) => {
        const pieces = sizes.map((size) => randomBytes(size));
        let object: UnfinishedObject | null = null;
        for (const piece of pieces) object = await appendTo(store, object, piece);
        store = await made.reopen();
        const rest = randomBytes(PART + 7);
        const key = await completeObject(store, await appendTo(store, object, rest, WHOLE));
        expect(await readHash(store, key)).toBe(hashOf(Buffer.concat([...pieces, rest])));
      });

      it('reads, lists and completes what the first one has stored', async () => {
        const bytes = randomBytes(PART + 9);
        const object = await appendTo(store, null, bytes);
        store = await made.reopen();
        const key = await completeObject(store, object);
        expect(await readHash(store, key)).toBe(hashOf(bytes));
        expect(await listed(store, key)).toHaveLength(1);
      });
    });

    describe('two writers from the same state', () => {
      const starts = [0, 1000, PART, PART + 1000];
      const lengths = [10, PART + 10];
      const cases = starts.flatMap((start) => lengths.map((length) => [start, length] as const));

      /** The winner is whose state the caller persists: either, whoever finished first. */
      async function completesRightOrNotAtAll(object: UnfinishedObject, bytes: Buffer): Promise<boolean> {
        try {
          const { key } = await store.complete(object);
          expect(await readHash(store, key)).toBe(hashOf(bytes));
          return true;
        } catch (error) {
          expect(error).toBeInstanceOf(UnfinishedObjectLost);
          return false;
        }
      }

      it.each(cases)('never mix their bytes, one behind the other: %i + %i', async (start, length) => {
        for (const winner of [0, 1]) {
          const base = randomBytes(start);
          const rests = [randomBytes(length), randomBytes(length)];
          const previous = await appendTo(store, null, base);
          const objects: UnfinishedObject[] = [];
          for (const rest of rests) {
            objects.push((await store.append(previous, freshKey(), bodyOf(rest), MORE_FOLLOWS)).object);
          }
          const bytes = rests.map((rest) => Buffer.concat([base, rest]));
          const completed = await completesRightOrNotAtAll(objects[winner]!, bytes[winner]!);
          if (winner === 1) expect(completed).toBe(true); // the last one to write has lost nothing
          await completesRightOrNotAtAll(objects[1 - winner]!, bytes[1 - winner]!);
          if (completed) expect(await completesRightOrNotAtAll(objects[winner]!, bytes[winner]!)).toBe(true);
        }
      });

      it.each(cases)('never mix their bytes, at the same time: %i + %i', async (start, length) => {
        const base = randomBytes(start);
        const rests = [randomBytes(length), randomBytes(length)];
        const previous = await appendTo(store, null, base);
        const results = await Promise.all(
          rests.map((rest) => store.append(previous, freshKey(), bodyOf(rest, 1000), MORE_FOLLOWS)),
        );
        const bytes = rests.map((rest) => Buffer.concat([base, rest]));
        for (const [index, { object }] of results.entries()) await completesRightOrNotAtAll(object, bytes[index]!);
      });

      it('leave a completed object alone', async () => {
        for (const size of [1000, PART + 1000]) {
          const bytes = randomBytes(size);
          const object = await appendTo(store, null, bytes);
          const key = await completeObject(store, object);
          await store.append(object, freshKey(), bodyOf(randomBytes(500)), WHOLE).catch((error: unknown) => {
            expect(error).toBeInstanceOf(UnfinishedObjectLost);
          });
          expect(await readHash(store, key)).toBe(hashOf(bytes));
        }
      });
    });

    describe('abort', () => {
      it.each([0, 1000, PART, PART + 1000])('removes an object of %i bytes, and does so again', async (size) => {
        const prefix = `gone-${randomUUID()}`;
        const { object } = await store.append(null, freshKey(prefix), bodyOf(randomBytes(size)), MORE_FOLLOWS);
        await store.abort(object);
        await store.abort(object);
        expect(await listed(store, prefix)).toEqual([]);
        await expect(appendTo(store, object, randomBytes(10))).rejects.toThrow(UnfinishedObjectLost);
      });

      it.each([1000, PART, PART + 1000])('needs no more than the key: %i bytes', async (size) => {
        const prefix = `gone-${randomUUID()}`;
        const { object } = await store.append(null, freshKey(prefix), bodyOf(randomBytes(size)), MORE_FOLLOWS);
        await store.abort({ key: object.key, size: 0 });
        expect(await listed(store, prefix)).toEqual([]);
        await expect(appendTo(store, object, randomBytes(10))).rejects.toThrow(UnfinishedObjectLost);
      });
    });

    describe('read', () => {
      it.each([10, MIB, 3 * MIB + 3, PART + 5])('gives ranges of %i bytes', async (size) => {
        const bytes = randomBytes(size);
        const key = await storeWhole(store, bytes);
        const middle = Math.floor(size / 2);
        const ranges = [
          [0, 0],
          [size - 1, size - 1],
          [middle, middle + 3],
          [1, size - 2],
          [0, size - 1],
        ] as const;
        for (const [start, end] of ranges) {
          expect(await readHash(store, key, { start, end })).toBe(hashOf(bytes.subarray(start, end + 1)));
        }
      });

      it('writes the same bytes into a slow destination, which stays open', async () => {
        for (const size of [0, 1, 1000, MIB, MIB + 1, 5 * MIB + 3]) {
          const bytes = randomBytes(size);
          const destination = new SlowDestination();
          await (await store.read(await storeWhole(store, bytes))).writeTo(destination);
          expect(hashOf(Buffer.concat(destination.chunks))).toBe(hashOf(bytes));
          expect(destination.writableEnded).toBe(false);
        }
      });

      it('serves many readers of different objects at once without mixing their bytes', async () => {
        const objects = await Promise.all(
          Array.from({ length: 12 }, async (_, n) => {
            const bytes = randomBytes(2 * MIB + n);
            return { key: await storeWhole(store, bytes), hash: hashOf(bytes) };
          }),
        );
        const read = async (key: string) => {
          const destination = new SlowDestination();
          await (await store.read(key)).writeTo(destination);
          return hashOf(Buffer.concat(destination.chunks));
        };
        const hashes = await Promise.all(objects.map(({ key }) => read(key)));
        expect(hashes).toEqual(objects.map(({ hash }) => hash));
      });

      it('rejects where the destination goes away', async () => {
        const key = await storeWhole(store, randomBytes(4 * MIB));
        const destination = new Writable({ write: () => destination.destroy() });
        await expect((await store.read(key)).writeTo(destination)).rejects.toThrow();
      });

      it('survives consumers that go away', async () => {
        const bytes = randomBytes(4 * MIB);
        const key = await storeWhole(store, bytes);
        for (let round = 0; round < 30; round++) {
          for await (const chunk of await store.read(key)) if (chunk.length > 0) break;
          (await store.read(key)).destroy();
        }
        expect(await readHash(store, key)).toBe(hashOf(bytes));
      });

      it('tells a missing key from everything else', async () => {
        const missing = freshKey('nowhere');
        await expect(store.read(missing)).rejects.toThrow(ObjectNotFound);
        await expect(store.read(missing, { start: 0, end: 0 })).rejects.toThrow(ObjectNotFound);
        expect(await store.stat(missing)).toBeNull();
      });
    });

    describe('delete', () => {
      it('removes one object, and what is not there too', async () => {
        const [gone, kept] = [await storeWhole(store, randomBytes(10)), await storeWhole(store, randomBytes(11))];
        await store.delete(gone);
        await store.delete(gone);
        await store.delete(freshKey('nowhere'));
        expect(await store.stat(gone)).toBeNull();
        await expect(store.read(gone)).rejects.toThrow(ObjectNotFound);
        expect(await store.stat(kept)).toMatchObject({ size: 11 });
      });
    });

    describe('list', () => {
      it('gives keys in order, behind `after`, below the prefix', async () => {
        const root = `list-${randomUUID()}`;
        const names = ['a/1', 'a/2', 'a-b/1', 'a.b', 'ab/c/d', 'b/1', 'C/1'];
        for (const name of names) {
          const { object } = await store.append(null, `${root}/${name}`, bodyOf(Buffer.from(name)), WHOLE);
          await store.complete(object);
        }
        const keys = names.map((name) => `${root}/${name}`).sort();
        const found = await listed(store, root);
        expect(found.map(({ key }) => key)).toEqual(keys);
        expect(found.map(({ size }) => size)).toEqual(keys.map((key) => key.length - root.length - 1));
        expect(found.every(({ lastModified }) => Math.abs(Date.now() - lastModified.getTime()) < 60_000)).toBe(true);
        for (const after of [...keys, `${root}/a/15`, `${root}/ab`]) {
          const expected = keys.filter((key) => key > after);
          expect((await listed(store, root, after)).map(({ key }) => key)).toEqual(expected);
        }
        expect((await listed(store, `${root}/a`)).map(({ key }) => key)).toEqual(
          keys.filter((key) => key.startsWith(`${root}/a`)),
        );
        expect(await listed(store, `list-${randomUUID()}`)).toEqual([]);
      });

      it.each([1000, 2 * PART, 2 * PART + 1000])(
        'shows an upload of %i bytes that was begun, or listHidden does',
        async (size) => {
          const began = Date.now();
          const object = await appendTo(store, null, randomBytes(size));
          const shown = async () => {
            const hidden: HiddenUpload[] = [];
            for await (const upload of store.listHidden('objects/')) hidden.push(upload);
            expect(hidden.map(({ key }) => key)).toEqual(hidden.map(({ key }) => key).sort());
            const mine = hidden.filter(({ key }) => key === object.key);
            expect(mine.every(({ startedAt }) => Math.abs(startedAt.getTime() - began) < 60_000)).toBe(true);
            for await (const { key } of store.listHidden('objects/', object.key)) expect(key > object.key).toBe(true);
            return [...mine, ...(await listed(store, object.key))].length > 0;
          };
          expect(await shown()).toBe(true);
          await store.abort(object);
          expect(await shown()).toBe(false);
        },
      );
    });
  });
}

async function* asBody(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
