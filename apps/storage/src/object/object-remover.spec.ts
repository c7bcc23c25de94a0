import { MemoryBlobStore, type UnfinishedObject } from '@berth/blob-store';
import { Logger } from '@nestjs/common';
import { chunksOf } from '../testing/bodies.js';
import { freshObjectKey } from './object-key.js';
import { ObjectRemover } from './object-remover.js';

async function stored(store: MemoryBlobStore): Promise<UnfinishedObject> {
  return (await store.append(null, freshObjectKey(), chunksOf('x'), { last: true })).object;
}
async function keysOf(store: MemoryBlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('objects/')) keys.push(key);
  return keys;
}

beforeAll(() => void Logger.overrideLogger(false));

describe(ObjectRemover, () => {
  it('removes what it is given, and is done when the process may end', async () => {
    const store = new MemoryBlobStore();
    const [whole, unfinished, kept] = [await stored(store), await stored(store), await stored(store)];
    const remover = new ObjectRemover(store);
    remover.deleteLater([whole.key]);
    remover.abortLater(unfinished);
    await remover.onApplicationShutdown();
    expect(await keysOf(store)).toEqual([kept.key]);
  });

  it('outlives a removal that fails, and those beside it are done', async () => {
    const store = new MemoryBlobStore();
    const [first, second] = [await stored(store), await stored(store)];
    const failing = jest.spyOn(store, 'delete').mockRejectedValueOnce(new Error('store away'));
    const remover = new ObjectRemover(store);
    remover.deleteLater([first.key, second.key]);
    await expect(remover.onApplicationShutdown()).resolves.toBeUndefined();
    expect(failing).toHaveBeenCalledTimes(2);
    expect(await keysOf(store)).toEqual([first.key]);
  });
});

describe(freshObjectKey, () => {
  it('is another one each time, in a folder by its first characters', () => {
    const keys = Array.from({ length: 100 }, freshObjectKey);
    expect(new Set(keys).size).toBe(100);
    for (const key of keys) expect(key).toMatch(/^objects\/([0-9a-f]{2})\/\1[0-9a-f]{6}-[0-9a-f-]{27}$/);
  });
});
