import type { AppendOptions } from '../blob-store.js';
import { FillingPart, type PartBuffers } from '../part-buffers.js';
import { partSize } from '../part-size.js';
import type { S3Connection } from './s3-connection.js';
import { tailKey, type MultipartUpload, type S3UnfinishedObject } from './s3-unfinished.js';

/**
 * Writes one append: while one part is uploaded the next one fills. Holds two part buffers at most, and one where memory
 * is short. What it writes whole (a small object, a tail) goes under keys of its own, never over another writer's.
 */
export class S3ObjectWriter {
  private readonly key: string;
  private uploadId: string | null;
  private readonly etags: string[];
  private readonly start: number;
  private size: number;
  private filling: FillingPart;
  private uploading: Promise<void> = Promise.resolve();
  /** The part that `uploading` sends; once that is done, its buffer is free to fill again. */
  private uploaded: FillingPart | null = null;

  /**
   * Goes on behind the parts of `previous`; bytes of it that are in no part yet have to be written again first. Null: a
   * new object under `freshKey`.
   */
  constructor(
    private readonly s3: S3Connection,
    private readonly buffers: PartBuffers,
    private readonly freshKey: string,
    private readonly previous: S3UnfinishedObject | null,
  ) {
    const upload = previous?.upload;
    this.key = upload ? previous.key : freshKey;
    this.uploadId = upload?.id ?? null;
    this.etags = [...(upload?.etags ?? [])];
    this.start = upload ? previous.size - (upload.tail?.size ?? 0) : 0;
    this.size = this.start;
    this.filling = new FillingPart(buffers, partSize(this.etags.length + 1));
  }

  async write(chunk: Uint8Array): Promise<void> {
    while (chunk.length > 0) {
      if (this.filling.full) await this.startUpload();
      const taken = await this.filling.add(chunk);
      this.size += taken;
      chunk = chunk.subarray(taken);
    }
  }

  /** Makes everything written durable. Resolves with `previous` itself where nothing was written. */
  async finish({ last }: AppendOptions): Promise<S3UnfinishedObject> {
    await this.uploading;
    const { key, size, etags, previous } = this;
    if (previous && size === this.start) return previous;
    if (this.uploadId === null) {
      await this.s3.put(key, this.filling.bytes());
      return { key, size };
    }
    const upload: MultipartUpload = { id: this.uploadId, etags };
    if (last || this.filling.full) {
      if (this.filling.length > 0) await this.upload(this.filling, this.uploadId);
      return { key, size, upload: last ? { ...upload, ended: true } : upload };
    }
    return { key, size, upload: { ...upload, ...(await this.putTail()) } };
  }

  /** Takes back what this append has begun; best effort, because the store may be the reason. */
  async discard(): Promise<void> {
    await this.uploading.catch(() => undefined);
    if (this.uploadId === null || this.previous?.upload) return;
    await this.s3.abortUpload(this.key, this.uploadId).catch(() => undefined);
  }

  /** Gives the memory back; no upload may be under way. */
  release(): void {
    this.filling.release();
    this.uploaded?.release();
  }

  private async putTail(): Promise<Pick<MultipartUpload, 'tail'>> {
    const size = this.filling.length;
    if (size === 0) return {};
    const key = tailKey(this.key, this.freshKey);
    return { tail: { key, size, etag: await this.s3.put(key, this.filling.bytes()) } };
  }

  private async startUpload(): Promise<void> {
    await this.uploading;
    this.uploadId ??= await this.s3.initiate(this.key);
    const full = this.filling;
    this.uploading = this.upload(full, this.uploadId);
    this.uploading.catch(() => undefined);
    this.filling = await this.nextPart(full, partSize(this.etags.length + 2));
  }

  private async upload(part: FillingPart, uploadId: string): Promise<void> {
    this.etags.push(await this.s3.uploadPart(this.key, uploadId, this.etags.length + 1, part.bytes()));
  }

  /** A second buffer where the budget has one to spare, else the first again as soon as it is uploaded. */
  private async nextPart(full: FillingPart, size: number): Promise<FillingPart> {
    const second = this.secondPart(size);
    if (second) {
      this.uploaded = full;
      return second;
    }
    await this.uploading;
    if (full.capacity === size) return full.reset();
    full.release();
    return new FillingPart(this.buffers, size);
  }

  private secondPart(size: number): FillingPart | null {
    const spare = this.uploaded;
    this.uploaded = null;
    if (spare?.capacity === size && !this.buffers.contended) return spare.reset();
    spare?.release();
    const buffer = this.buffers.tryTake(size);
    return buffer && new FillingPart(this.buffers, size, buffer);
  }
}
