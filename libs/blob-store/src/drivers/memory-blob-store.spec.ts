import { ObjectNotFound } from '../blob-store.js';
import { appendTo, bytesIn, describeBlobStore, freshKey } from '../blob-store.suite.js';
import { MemoryBlobStore } from './memory-blob-store.js';

describeBlobStore(MemoryBlobStore.name, async () => {
  const store = new MemoryBlobStore();
  return { store, reopen: async () => store, dispose: async () => undefined };
});

describe(MemoryBlobStore.name, () => {
  it('hides an object until it is complete', async () => {
    const store = new MemoryBlobStore();
    const object = await appendTo(store, null, Buffer.from('early'));
    expect(await store.stat(object.key)).toBeNull();
    await expect(store.read(object.key)).rejects.toThrow(ObjectNotFound);
    await store.complete(object);
    expect(await store.stat(object.key)).toMatchObject({ size: 5 });
  });

  it('keeps its bytes when the caller reuses a chunk', async () => {
    const store = new MemoryBlobStore();
    const chunk = Buffer.from('abc');
    const body = (async function* () {
      yield chunk;
      chunk.fill(0);
    })();
    const { object } = await store.append(null, freshKey(), body, { last: true });
    await store.complete(object);
    expect(await bytesIn(await store.read(object.key))).toEqual(Buffer.from('abc'));
  });
});
