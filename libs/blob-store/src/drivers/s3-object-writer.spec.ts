import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bodyOf, hashOf } from '../blob-store.suite.js';
import { PartBuffers } from '../part-buffers.js';
import { FIRST_PART_SIZE } from '../part-size.js';
import type { S3Connection } from './s3-connection.js';
import { S3ObjectWriter } from './s3-object-writer.js';

const PART = FIRST_PART_SIZE;
/** Bytes of which `buffers` part buffers remain when small beginnings have their eighth. */
const memoryFor = (buffers: number) => Math.ceil((buffers * PART * 8) / 7);

/** Keeps what is uploaded, as it is when the upload ends: a buffer filled again too early would show. */
class RecordingConnection {
  readonly parts: Buffer[] = [];
  readonly whole = new Map<string, Buffer>();
  aborted: string[] = [];
  uploading = 0;
  mostUploading = 0;
  failAtPart = Infinity;

  async put(key: string, bytes: Buffer): Promise<string> {
    this.whole.set(key, Buffer.from(bytes));
    return 'etag of the whole';
  }

  async initiate(): Promise<string> {
    return 'upload';
  }

  async uploadPart(_key: string, _upload: string, number: number, bytes: Buffer): Promise<string> {
    this.mostUploading = Math.max(this.mostUploading, ++this.uploading);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    this.uploading--;
    if (number >= this.failAtPart) throw new Error('store failed');
    this.parts[number - 1] = Buffer.from(bytes);
    return `etag ${number}`;
  }

  async abortUpload(_key: string, upload: string): Promise<void> {
    this.aborted.push(upload);
  }
}

describe(S3ObjectWriter.name, () => {
  let s3: RecordingConnection;
  beforeEach(() => (s3 = new RecordingConnection()));

  async function write(pool: PartBuffers, bytes: Buffer) {
    const writer = new S3ObjectWriter(s3 as unknown as S3Connection, pool, 'objects/fresh', null);
    try {
      for await (const chunk of bodyOf(bytes)) {
        await writer.write(chunk);
        await nextTurn();
      }
      return await writer.finish({ last: true });
    } catch (error) {
      await writer.discard();
      throw error;
    } finally {
      writer.release();
    }
  }

  /** How many part buffers can be had. */
  function free(pool: PartBuffers): number {
    let count = 0;
    while (pool.tryTake(PART)) count++;
    return count;
  }

  it.each([1, 2, 3])('uploads the parts one by one, in order, with memory for %i', async (buffers) => {
    const pool = new PartBuffers(memoryFor(buffers));
    const bytes = randomBytes(5 * PART + 100);
    const { upload } = await write(pool, bytes);
    expect(hashOf(Buffer.concat(s3.parts))).toBe(hashOf(bytes));
    expect(upload).toMatchObject({ etags: [1, 2, 3, 4, 5, 6].map((number) => `etag ${number}`) });
    expect(s3.mostUploading).toBe(1);
    expect(free(pool)).toBe(buffers);
  });

  it('fills one part while another is uploaded, and takes no third buffer', async () => {
    const pool = new PartBuffers(memoryFor(4));
    const writing = write(pool, randomBytes(6 * PART));
    let least = 4;
    let overlapped = false;
    for (let turn = 0; turn < 400; turn++) {
      await nextTurn();
      const buffers: Buffer[] = [];
      for (let buffer = pool.tryTake(PART); buffer; buffer = pool.tryTake(PART)) buffers.push(buffer);
      least = Math.min(least, buffers.length);
      overlapped ||= s3.uploading === 1 && buffers.length === 2;
      buffers.forEach((buffer) => pool.release(buffer));
    }
    await writing;
    expect(overlapped).toBe(true);
    expect(least).toBe(2);
  });

  it.each([1, 3, 4])('gives everything back when part %i fails', async (part) => {
    s3.failAtPart = part;
    const pool = new PartBuffers(memoryFor(3));
    await expect(write(pool, randomBytes(5 * PART))).rejects.toThrow('store failed');
    expect(s3.aborted).toEqual(['upload']);
    expect(free(pool)).toBe(3);
  });

  it('goes on with one buffer where others wait', async () => {
    const pool = new PartBuffers(memoryFor(2));
    const first = write(pool, randomBytes(12 * PART));
    while (s3.parts.length < 2) await nextTurn();
    const buffer = await pool.take(PART);
    expect(s3.parts.length).toBeLessThan(12);
    pool.release(buffer);
    await first;
    expect(free(pool)).toBe(2);
  });
});
