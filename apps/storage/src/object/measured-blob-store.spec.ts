import {
  MemoryBlobStore,
  ObjectEnded,
  ObjectNotFound,
  StoreUnavailable,
  UnfinishedObjectLost,
} from '@berth/blob-store';
import { Metrics } from '@berth/platform';
import { freshObjectKey } from './object-key.js';
import { MeasuredBlobStore } from './measured-blob-store.js';

const LAST = { last: true };

describe(MeasuredBlobStore, () => {
  let memory: MemoryBlobStore;
  let metrics: Metrics;
  let store: MeasuredBlobStore;
  let now: number;

  beforeEach(() => {
    now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    memory = new MemoryBlobStore();
    metrics = new Metrics('storage');
    store = new MeasuredBlobStore(memory, metrics);
  });
  afterEach(() => jest.restoreAllMocks());

  const pass = (seconds: number) => void (now += seconds * 1000);
  const chunks = async function* (...bytes: string[]) {
    for (const each of bytes) {
      pass(10);
      yield Buffer.from(each);
    }
    pass(10);
  };
  /** The seconds of the operation's only sample with this outcome. */
  async function seconds(operation: string, outcome = 'ok'): Promise<number> {
    const labels = `.*operation="${operation}",outcome="${outcome}".*`;
    const text = await metrics.registry.metrics();
    const name = 'berth_object_store_operation_duration_seconds';
    expect(text).toMatch(new RegExp(`^${name}_count\\{${labels}\\} 1$`, 'm'));
    return Number(new RegExp(`^${name}_sum\\{${labels}\\} (.*)$`, 'm').exec(text)![1]);
  }

  it('does what the store does', async () => {
    const { object } = await store.append(null, freshObjectKey(), chunks('one', 'two'), LAST);
    const { key } = await store.complete(object);
    const read: Buffer[] = [];
    for await (const chunk of await store.read(key, { start: 2, end: 4 })) read.push(Buffer.from(chunk));
    expect(Buffer.concat(read).toString()).toBe('etw');
    expect(await store.stat(key)).toMatchObject({ size: 6 });
    const listed: string[] = [];
    for await (const entry of store.list('')) listed.push(entry.key);
    expect(listed).toEqual([key]);
    for await (const hidden of store.listHidden('')) throw new Error(hidden.key);
    expect(await store.presignRead(key, 60)).toBeNull();
    await store.ready();
    await store.abort(object);
    await store.delete(key);
    expect(await store.stat(key)).toBeNull();
  });

  it('takes the time of an append without what it waits for the bytes', async () => {
    const append = memory.append.bind(memory);
    jest.spyOn(memory, 'append').mockImplementation(async (...args) => {
      pass(2);
      const result = await append(...args);
      pass(3);
      return result;
    });
    await store.append(null, freshObjectKey(), chunks('one', 'two'), LAST);
    expect(now).toBe(35_000);
    expect(await seconds('append')).toBe(5);
  });

  it('takes the time of a list without what its reader takes, also where that has seen enough', async () => {
    jest.spyOn(memory, 'list').mockImplementation(async function* () {
      for (const key of ['a', 'b', 'c']) {
        pass(1);
        yield { key, size: 1, lastModified: new Date() };
      }
    });
    for await (const { key } of store.list('')) {
      pass(100);
      if (key === 'b') break;
    }
    expect(await seconds('list')).toBe(2);
  });

  it.each([
    ['missing', new ObjectNotFound('key')],
    ['lost', new UnfinishedObjectLost('key', 'it is')],
    ['ended', new ObjectEnded('key')],
    ['unavailable', new StoreUnavailable('read', new Error('the disk is on fire'))],
    ['other', new Error('no')],
  ])('counts as %s what it is, and throws it on', async (outcome, error) => {
    for (const operation of ['read', 'delete', 'stat', 'complete', 'abort', 'append', 'ready'] as const) {
      jest.spyOn(memory, operation as 'read').mockImplementation(async () => {
        pass(4);
        throw error;
      });
    }
    await expect(store.read('key')).rejects.toBe(error);
    await expect(store.append(null, 'key', chunks(), LAST)).rejects.toBe(error);
    expect(await seconds('read', outcome)).toBe(4);
    expect(await seconds('append', outcome)).toBe(4);
  });
});
