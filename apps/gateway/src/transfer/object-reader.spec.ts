import { BytesBody, type ObjectBody } from '@berth/blob-store';
import { GRANT_READ } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { type ByteRange, digestOf, registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { BlobTransport } from './blob-transport.js';
import { ObjectReader } from './object-reader.js';
import { StorageGone } from './storage-gone.js';

const bytes = Buffer.alloc(100_000, '0123456789');
const small = Buffer.from('0123456789');
const blob = { digest: digestOf(bytes), size: bytes.length, objectKey: 'objects/aa/one' };
const config = { digest: digestOf(small), size: small.length, objectKey: 'objects/cc/small' };
const another = { ...blob, objectKey: 'objects/bb/two' };

/** Storage processes by number: a grant names the one that gave it, and is worth nothing when that is gone. */
class Processes extends BlobTransport {
  current = 1;
  readonly reads: string[] = [];
  failure: Error | null = null;

  async append(): Promise<{ offset: number }> {
    throw new Error('nothing is appended here');
  }

  async read(url: string, range?: ByteRange): Promise<ObjectBody> {
    this.reads.push(url);
    if (this.failure) throw this.failure;
    if (!url.startsWith(`http://storage-${this.current}/`)) throw registryError('UNAVAILABLE');
    const content = url.includes(config.objectKey) ? small : bytes;
    return new BytesBody(range ? content.subarray(range.start, range.end + 1) : content);
  }

  async close(): Promise<void> {}
}

function reader() {
  const bus = new InProcessBus();
  const transport = new Processes();
  let given = 0;
  const asked = answering(bus, GRANT_READ, ({ objectKey }) => ({
    url: `http://storage-${transport.current}/${objectKey}/${++given}`,
    expiresIn: 900,
  }));
  return { reader: new ObjectReader(bus, transport), transport, asked, bus };
}

async function contentOf(body: Promise<ObjectBody>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const START = Date.parse('2030-01-01T00:00:00Z');
beforeEach(() =>
  jest.useFakeTimers({ doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask'], now: START }),
);
afterEach(() => jest.useRealTimers());

describe(ObjectReader, () => {
  it('asks for a grant and reads with it, the whole object or a range', async () => {
    const { reader: objects, asked } = reader();
    expect(await contentOf(objects.read(blob))).toEqual(bytes);
    expect(await contentOf(objects.read(blob, { start: 2, end: 4 }))).toEqual(Buffer.from('234'));
    expect(asked).toEqual([{ objectKey: blob.objectKey, size: bytes.length }]);
  });

  it('uses a grant for its own object only', async () => {
    const { reader: objects, asked, transport } = reader();
    await objects.read(blob);
    await objects.read(another);
    expect(asked.map(({ objectKey }) => objectKey)).toEqual([blob.objectKey, another.objectKey]);
    expect(new Set(transport.reads).size).toBe(2);
  });

  it('uses a grant again for half of its life, so that a long read still ends within it', async () => {
    const { reader: objects, asked } = reader();
    await objects.read(blob);
    jest.setSystemTime(START + 449_000);
    await objects.read(blob);
    expect(asked).toHaveLength(1);
    jest.setSystemTime(START + 451_000);
    await objects.read(blob);
    expect(asked).toHaveLength(2);
  });

  it('asks again where the storage process of a grant is gone', async () => {
    const { reader: objects, asked, transport } = reader();
    await objects.read(blob);
    transport.current = 2;
    expect(await contentOf(objects.read(blob))).toEqual(bytes);
    expect(asked).toHaveLength(2);
    expect(await contentOf(objects.read(blob))).toEqual(bytes);
    expect(asked).toHaveLength(2);
  });

  it('asks once more where the process of a new grant is gone, and gives up at the third', async () => {
    const { reader: objects, asked, transport } = reader();
    const gone = jest.spyOn(transport, 'read').mockRejectedValueOnce(new StorageGone('killed'));
    expect(await contentOf(objects.read(blob))).toEqual(bytes);
    expect(asked).toHaveLength(2);
    gone.mockRejectedValue(new StorageGone('killed'));
    await expect(objects.read(another)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
    expect(asked).toHaveLength(5);
  });

  it('asks once, and then says what storage says', async () => {
    const { reader: objects, asked, transport } = reader();
    transport.failure = registryError('UNAVAILABLE');
    await expect(objects.read(blob)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(asked).toHaveLength(1);
    await expect(objects.read(blob)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(asked).toHaveLength(2);
  });

  it('does not hide a fault of its own behind another grant', async () => {
    const { reader: objects, asked, transport } = reader();
    await objects.read(blob);
    transport.failure = new TypeError('a bug');
    await expect(objects.read(blob)).rejects.toThrow('a bug');
    expect(asked).toHaveLength(1);
  });

  it('is UNAVAILABLE where nobody gives grants', async () => {
    const { reader: objects, bus } = reader();
    bus.remove(GRANT_READ.subject);
    await expect(objects.read(blob)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
  });

  describe('of a small object', () => {
    it('fetches it once and serves it, or a range of it, from memory', async () => {
      const { reader: objects, transport } = reader();
      for (let n = 0; n < 2; n++) {
        expect(await contentOf(objects.read(config))).toEqual(small);
        expect(await contentOf(objects.read(config, { start: 2, end: 4 }))).toEqual(Buffer.from('234'));
      }
      expect(transport.reads).toHaveLength(1);
    });

    it('fetches the whole where a range is the first that is asked', async () => {
      const { reader: objects } = reader();
      expect(await contentOf(objects.read(config, { start: 8, end: 9 }))).toEqual(Buffer.from('89'));
      expect(await contentOf(objects.read(config))).toEqual(small);
    });

    it('keeps nothing of a fetch that failed', async () => {
      const { reader: objects, transport } = reader();
      transport.failure = registryError('UNAVAILABLE');
      await expect(objects.read(config)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      transport.failure = null;
      expect(await contentOf(objects.read(config))).toEqual(small);
    });

    it('keeps nothing of a fetch that came short: those bytes would be served for ever', async () => {
      const { reader: objects, transport } = reader();
      const cut = jest.spyOn(transport, 'read').mockResolvedValueOnce(new BytesBody(small.subarray(0, 5)));
      await expect(objects.read(config)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
      cut.mockRestore();
      expect(await contentOf(objects.read(config))).toEqual(small);
    });
  });
});
