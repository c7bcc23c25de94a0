import type { Readable } from 'node:stream';
import type {
  AppendOptions,
  AppendResult,
  ByteRange,
  HiddenUpload,
  ObjectStat,
  UnfinishedObject,
} from '../blob-store.js';
import { BlobStore, ObjectEnded, ObjectNotFound, UnfinishedObjectLost } from '../blob-store.js';
import { BytesBody, type ObjectBody, StreamBody } from '../object-body.js';
import { assertObjectKey } from '../object-key.js';
import { PartBuffers } from '../part-buffers.js';
import { withStoreFaults } from '../stream-faults.js';
import { S3Connection, type S3Address } from './s3-connection.js';
import { S3ObjectWriter } from './s3-object-writer.js';
import { multipartEtag, tailPrefix, type S3UnfinishedObject } from './s3-unfinished.js';

const MIB = 2 ** 20;
/** Up to here an answer is handed out whole: its connection is free again at once. */
const WHOLE_READ = MIB / 16;
const BUFFER_BYTES = 256 * MIB;

export interface S3BlobStoreOptions extends S3Address {
  /** Bytes of memory for all appends of the process, default 256 MiB; beyond it further appends wait. */
  bufferBytes?: number;
}

/**
 * Objects in a bucket of MinIO or any S3.
 *
 * What ends at or below 8 MiB is one PUT under the fresh key, and complete as it is. Larger objects are a multipart
 * upload under the fresh key of the append that passed 8 MiB; what is left behind the last full part is a tail object
 * `<key>.tail.<fresh>`, read back by the next append. A small object that grows is written again under the new fresh key.
 *
 * Two writers of one multipart upload may overwrite each other's parts; completion names every part's ETag, so whoever
 * lost gets UnfinishedObjectLost and never mixed bytes. Multipart uploads of a process that died before it told anybody
 * their key are found by nobody: let the bucket expire them (MinIO does after a day; AbortIncompleteMultipartUpload).
 */
export class S3BlobStore extends BlobStore {
  private readonly s3: S3Connection;
  private readonly buffers: PartBuffers;

  constructor(options: S3BlobStoreOptions) {
    super();
    this.s3 = new S3Connection(options);
    this.buffers = new PartBuffers(options.bufferBytes ?? BUFFER_BYTES);
  }

  async append(
    previous: UnfinishedObject | null,
    freshKey: string,
    body: AsyncIterable<Uint8Array>,
    options: AppendOptions,
  ): Promise<AppendResult> {
    assertObjectKey(freshKey);
    const writer = new S3ObjectWriter(this.s3, this.buffers, freshKey, previous);
    const object = await write(writer, previous ? this.behindCarried(previous, body) : body, options);
    if (object === previous) return { object, obsolete: [], created: [] };
    const carried = previous && carriedKey(previous);
    const tail = object.upload?.tail;
    return { object, obsolete: carried ? [carried] : [], created: tail ? [tail.key] : [] };
  }

  /** One object put whole is complete already; the store is not asked. */
  async complete(object: UnfinishedObject): Promise<{ key: string; obsolete: string[] }> {
    const { key, upload } = object as S3UnfinishedObject;
    if (!upload) return { key, obsolete: [] };
    try {
      const etags = upload.tail ? await this.uploadTail(object, upload.tail) : upload.etags;
      await this.s3.completeUpload(key, upload.id, etags);
    } catch (error) {
      if (!(error instanceof UnfinishedObjectLost) || !(await this.isCompleted(object))) throw error;
    }
    return { key, obsolete: upload.tail ? [upload.tail.key] : [] };
  }

  async abort({ key }: UnfinishedObject): Promise<void> {
    assertObjectKey(key);
    for (const id of await this.s3.uploadIds(key)) await this.s3.abortUpload(key, id).catch(ignoreLost);
    for await (const tail of this.list(tailPrefix(key))) await this.s3.remove(tail.key);
    await this.s3.remove(key);
  }

  async read(key: string, range?: ByteRange): Promise<ObjectBody> {
    assertObjectKey(key);
    const answer = await this.s3.get(key, range?.start, range && range.end - range.start + 1);
    const stream = withStoreFaults(answer, 'read');
    const small = Number(answer.headers['content-length']) <= WHOLE_READ;
    return small ? new BytesBody(await wholeOf(stream)) : new StreamBody(stream);
  }

  async stat(key: string): Promise<ObjectStat | null> {
    assertObjectKey(key);
    const found = await this.s3.head(key).catch(nullIfMissing);
    return found && { key, size: found.size, lastModified: found.lastModified };
  }

  async delete(key: string): Promise<void> {
    assertObjectKey(key);
    await this.s3.remove(key);
  }

  async *list(prefix: string, after = ''): AsyncGenerator<ObjectStat> {
    for await (const { name, size, lastModified } of this.s3.list(prefix, after)) {
      if (name !== undefined) yield { key: name, size, lastModified };
    }
  }

  /** MinIO knows only whole keys as prefixes here, and without one the uploads since its start; it ends older ones itself. */
  async *listHidden(prefix: string, after = ''): AsyncGenerator<HiddenUpload> {
    for await (const { key, initiated } of this.s3.uploads('', after)) {
      if (key.startsWith(prefix)) yield { key, startedAt: initiated };
    }
  }

  async presignRead(key: string, seconds: number): Promise<string> {
    assertObjectKey(key);
    return this.s3.presignGet(key, seconds);
  }

  async ready(): Promise<void> {
    await this.s3.ready();
  }

  /** Closes the connections. Nothing may be under way. */
  async close(): Promise<void> {
    this.s3.close();
  }

  /** Nothing where `body` is empty, else the bytes of `previous` that are in no part yet, then those of `body`. */
  private async *behindCarried(
    previous: S3UnfinishedObject,
    body: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    let first = true;
    for await (const chunk of body) {
      if (chunk.length === 0) continue;
      if (first && previous.upload?.ended) throw new ObjectEnded(previous.key);
      if (first) yield* this.carried(previous);
      first = false;
      yield chunk;
    }
  }

  private async *carried(object: S3UnfinishedObject): AsyncGenerator<Uint8Array> {
    const key = carriedKey(object);
    if (key === null) return;
    const answer = await this.s3.get(key).catch((error: unknown) => {
      throw error instanceof ObjectNotFound ? new UnfinishedObjectLost(object.key, error.message, error) : error;
    });
    yield* withStoreFaults(answer, 'read') as AsyncIterable<Buffer>;
  }

  private async uploadTail(object: S3UnfinishedObject, tail: { key: string }): Promise<string[]> {
    const writer = new S3ObjectWriter(this.s3, this.buffers, tail.key, object);
    const ended = await write(writer, this.carried(object), { last: true });
    return ended.upload?.etags ?? [];
  }

  /** True where an earlier `complete` of exactly these bytes has succeeded. */
  private async isCompleted({ key, size, upload }: S3UnfinishedObject): Promise<boolean> {
    const found = await this.s3.head(key).catch(nullIfMissing);
    const etags = [...(upload?.etags ?? []), ...(upload?.tail ? [upload.tail.etag] : [])];
    return found?.size === size && found.etag === multipartEtag(etags);
  }
}

async function write(
  writer: S3ObjectWriter,
  body: AsyncIterable<Uint8Array>,
  options: AppendOptions,
): Promise<S3UnfinishedObject> {
  try {
    for await (const chunk of body) await writer.write(chunk);
    return await writer.finish(options);
  } catch (error) {
    await writer.discard();
    throw error;
  } finally {
    writer.release();
  }
}

/** Where the bytes lie that are in no part yet. */
function carriedKey({ key, upload }: S3UnfinishedObject): string | null {
  return upload ? (upload.tail?.key ?? null) : key;
}

async function wholeOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

function nullIfMissing(error: unknown): null {
  if (error instanceof ObjectNotFound) return null;
  throw error;
}

function ignoreLost(error: unknown): void {
  if (!(error instanceof UnfinishedObjectLost)) throw error;
}
