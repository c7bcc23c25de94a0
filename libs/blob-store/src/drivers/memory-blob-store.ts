import type {
  AppendOptions,
  AppendResult,
  ByteRange,
  HiddenUpload,
  ObjectStat,
  UnfinishedObject,
} from '../blob-store.js';
import { BlobStore, ObjectNotFound, UnfinishedObjectLost } from '../blob-store.js';
import { BytesBody, type ObjectBody } from '../object-body.js';
import { assertObjectKey } from '../object-key.js';

interface StoredObject {
  bytes: Buffer;
  lastModified: Date;
  complete: boolean;
}

/**
 * The in-memory twin for unit tests. Stricter than the drivers: `read` and `stat` see complete objects only, so that a
 * caller that reads too early is found out. `list` shows unfinished ones too, as every driver does. An append writes the
 * whole object anew under its fresh key.
 */
export class MemoryBlobStore extends BlobStore {
  private readonly objects = new Map<string, StoredObject>();

  async append(
    previous: UnfinishedObject | null,
    freshKey: string,
    body: AsyncIterable<Uint8Array>,
    _options: AppendOptions,
  ): Promise<AppendResult> {
    assertObjectKey(freshKey);
    const chunks: Uint8Array[] = previous ? [this.unfinished(previous).bytes] : [];
    for await (const chunk of body) chunks.push(Uint8Array.from(chunk));
    const bytes = Buffer.concat(chunks);
    if (previous?.size === bytes.length) return { object: previous, obsolete: [], created: [] };
    this.objects.set(freshKey, { bytes, lastModified: new Date(), complete: false });
    return { object: { key: freshKey, size: bytes.length }, obsolete: previous ? [previous.key] : [], created: [] };
  }

  async complete(object: UnfinishedObject): Promise<{ key: string; obsolete: string[] }> {
    this.unfinished(object).complete = true;
    return { key: object.key, obsolete: [] };
  }

  async abort(object: UnfinishedObject): Promise<void> {
    await this.delete(object.key);
  }

  async read(key: string, range?: ByteRange): Promise<ObjectBody> {
    assertObjectKey(key);
    const stored = this.objects.get(key);
    if (!stored?.complete) throw new ObjectNotFound(key);
    const bytes = range ? stored.bytes.subarray(range.start, range.end + 1) : stored.bytes;
    return new BytesBody(Buffer.from(bytes));
  }

  async stat(key: string): Promise<ObjectStat | null> {
    assertObjectKey(key);
    const stored = this.objects.get(key);
    return stored?.complete ? statOf(key, stored) : null;
  }

  async delete(key: string): Promise<void> {
    assertObjectKey(key);
    this.objects.delete(key);
  }

  async *list(prefix: string, after = ''): AsyncGenerator<ObjectStat> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    for (const key of keys) {
      const stored = this.objects.get(key);
      if (stored) yield statOf(key, stored);
    }
  }

  async *listHidden(): AsyncGenerator<HiddenUpload> {}

  async presignRead(): Promise<null> {
    return null;
  }

  async ready(): Promise<void> {}

  private unfinished({ key, size }: UnfinishedObject): StoredObject {
    const stored = this.objects.get(key);
    if (stored?.bytes.length !== size) throw new UnfinishedObjectLost(key, 'its bytes are gone');
    return stored;
  }
}

function statOf(key: string, { bytes, lastModified }: StoredObject): ObjectStat {
  return { key, size: bytes.length, lastModified };
}
