import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { BlobStore, ObjectNotFound, StoreUnavailable } from '@berth/blob-store';
import type { HashObjectV1 } from '@berth/contracts';
import type { Settings } from '@berth/platform';
import { requireOrSkip } from '@berth/testing';
import type { ReadGrants } from '../data-plane/read-grants.js';
import { chunksOf } from '../testing/bodies.js';
import { REAL_STORES, type RealStore } from '../testing/real-stores.js';
import { ObjectAuditController } from './object-audit.controller.js';
import { ObjectController } from './object.controller.js';
import { ObjectHasher } from './object-hasher.js';
import { freshObjectKey } from './object-key.js';

jest.setTimeout(60_000);

const MIB = 2 ** 20;
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe.each(REAL_STORES)('$driver, audited', ({ driver, reason, open }) => {
  requireOrSkip(`the audit of ${driver}`, reason)('by gc-worker', () => {
    let real: RealStore;
    let store: BlobStore;
    let audit: ObjectAuditController;
    beforeAll(async () => {
      real = await open();
      store = real.opened[0]!;
      audit = new ObjectAuditController(store, new ObjectHasher(store));
    });
    afterAll(() => real.stop());

    const put = async (bytes: Buffer, key = freshObjectKey()): Promise<string> => {
      const { object } = await store.append(null, key, chunksOf(bytes), { last: true });
      return (await store.complete(object)).key;
    };
    const all = async (hidden: boolean, limit: number) => {
      const found: { key: string; isOurs: boolean; size: number }[] = [];
      for (let after = ''; ; after = found.at(-1)!.key) {
        const { objects, isEnd } = await audit.list({ after, limit, hidden });
        expect(objects.length).toBeLessThanOrEqual(limit);
        found.push(...objects);
        if (isEnd) return found;
      }
    };

    it('lists every object once, in pages, and says which are none of ours', async () => {
      const keys: string[] = [];
      for (let n = 0; n < 25; n++) keys.push(await put(randomBytes(n)));
      const stranger = await put(randomBytes(3), `objects/notes-${randomUUID()}.txt`);
      for (const limit of [1, 7, 1000]) {
        const found = await all(false, limit);
        expect(found.map(({ key }) => key)).toEqual([...keys, stranger].sort());
        expect(found.filter(({ isOurs }) => !isOurs).map(({ key }) => key)).toEqual([stranger]);
      }
      await store.delete(stranger);
    });

    it('finds half an upload, and removes every trace of it', async () => {
      const { object } = await store.append(null, freshObjectKey(), chunksOf(randomBytes(9 * MIB)), { last: false });
      const { key } = object;
      const seen = async () => [...(await all(false, 1000)), ...(await all(true, 1000))];
      const mine = (await seen()).filter((found) => found.key.startsWith(key));
      expect(mine.length).toBeGreaterThan(0);
      expect(mine.every(({ isOurs }) => isOurs)).toBe(true);
      expect(await audit.abort({ objectKeys: [key, key] })).toEqual({ failed: [] });
      expect((await seen()).filter((found) => found.key.startsWith(key))).toEqual([]);
    });

    it('says how large objects are, and which are not there', async () => {
      const [small, none] = [await put(randomBytes(10)), freshObjectKey()];
      expect(await audit.stat({ objectKeys: [small, none] })).toEqual({ sizes: [10, null] });
    });

    it('says which objects cannot be read, and lists the others', async () => {
      const [bad, good] = [await put(randomBytes(10)), await put(randomBytes(11))];
      real.breakObject(bad);
      expect(await audit.stat({ objectKeys: [bad, good, freshObjectKey()] })).toEqual({
        sizes: ['unreadable', 11, null],
      });
      const listed = (await all(false, 1000)).map(({ key }) => key);
      expect([listed.includes(bad), listed.includes(good)]).toEqual([false, true]);
      const question = { objectKey: bad, algorithm: 'sha256' as const, size: 10, offset: 0, length: 100 };
      await expect(audit.hash(question)).rejects.toThrow(StoreUnavailable);
    });

    it.each([
      [200_000, 200_000],
      [9 * MIB, 4 * MIB],
    ])('says where the bytes of an object of %i do not read, in pieces of %i', async (size, length) => {
      const bytes = randomBytes(size);
      const objectKey = await put(bytes);
      real.rotObject(objectKey);
      const middle = Math.floor(size / 2 / length) * length;
      const question = { objectKey, algorithm: 'sha256' as const, size, offset: middle, length };
      expect(await audit.stat({ objectKeys: [objectKey] })).toEqual({ sizes: [size] });
      expect((await all(false, 1000)).find(({ key }) => key === objectKey)?.size).toBe(size);
      const answer = await audit.hash(question);
      if (real.isCheckedByStore) expect(answer).toEqual({ found: 'unreadable' });
      else expect('hex' in answer || 'state' in answer).toBe(true);
      await store.delete(objectKey);
    });

    it.each(['', 'objects/../../etc/passwd', '/objects/aa', 'objects/aa/a b', `objects/${'a'.repeat(250)}`])(
      'asks the store for nothing that is no key of an object (%s)',
      async (objectKey) => {
        const silent = new ObjectAuditController({} as BlobStore, new ObjectHasher(store));
        expect(await silent.stat({ objectKeys: [objectKey] })).toEqual({ sizes: ['unreadable'] });
        const deleting = new ObjectController({} as ReadGrants, {} as BlobStore, {} as Settings);
        expect(await deleting.delete({ objectKeys: [objectKey] })).toEqual({ failed: [] });
      },
    );

    it.each([
      [0, 100],
      [1, 100],
      [100, 100],
      [1_000_000, 65_536],
      [9 * MIB, 4 * MIB],
    ])('hashes %i bytes in pieces of %i, whatever process is asked', async (size, length) => {
      const bytes = randomBytes(size);
      const question: HashObjectV1 = { objectKey: await put(bytes), algorithm: 'sha256', size, offset: 0, length };
      for (;;) {
        const other = new ObjectAuditController(real.opened.at(-1)!, new ObjectHasher(real.opened.at(-1)!));
        const answer = await other.hash({ ...question });
        if ('hex' in answer) {
          expect(answer.hex).toBe(sha256(bytes));
          return;
        }
        question.state = (answer as { state: string }).state;
        question.offset += length;
      }
    });

    it('hashes with sha512 too', async () => {
      const bytes = randomBytes(1_000);
      const question = {
        objectKey: await put(bytes),
        algorithm: 'sha512' as const,
        size: 1_000,
        offset: 0,
        length: 2_000,
      };
      expect(await audit.hash(question)).toEqual({ hex: createHash('sha512').update(bytes).digest('hex') });
    });

    it('says what it finds instead of the object, and what it cannot go on with', async () => {
      const [objectKey, none] = [await put(randomBytes(10)), freshObjectKey()];
      const question = { objectKey, algorithm: 'sha256' as const, size: 10, offset: 0, length: 100 };
      expect(await audit.hash({ ...question, objectKey: none })).toEqual({ found: 'missing' });
      expect(await audit.hash({ ...question, size: 11 })).toEqual({ found: 'size' });
      const state = Buffer.from('of another version').toString('base64');
      expect(await audit.hash({ ...question, state })).toEqual({ restart: true });
    });

    it('never takes a fault of the store for an absence', async () => {
      const [key, other] = [await put(randomBytes(10)), await put(randomBytes(10))];
      const broken = Object.assign(Object.create(store) as BlobStore, {
        stat: (asked: string) =>
          asked === key ? store.stat(asked) : Promise.reject(new StoreUnavailable('stat', 'x')),
        list: async function* () {
          yield* store.list('objects/');
          throw new StoreUnavailable('list', 'x');
        },
        read: () => Promise.reject(new ObjectNotFound(key)),
      });
      const audited = new ObjectAuditController(broken, new ObjectHasher(broken));
      await expect(audited.stat({ objectKeys: [key, other] })).rejects.toThrow(StoreUnavailable);
      await expect(audited.list({ after: '', limit: 1000, hidden: false })).rejects.toThrow(StoreUnavailable);
      const question = { objectKey: key, algorithm: 'sha256' as const, size: 10, offset: 0, length: 100 };
      expect(await audited.hash(question)).toEqual({ found: 'missing' });
      // Whether it is the object, another key says: here that fails too.
      broken.read = () => Promise.reject(new StoreUnavailable('read', 'x'));
      await expect(audited.hash(question)).rejects.toThrow(StoreUnavailable);
    });
  });
});
