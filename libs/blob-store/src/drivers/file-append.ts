import type { FileHandle } from 'node:fs/promises';
import { StoreUnavailable } from '../blob-store.js';
import { chunkBatches } from '../chunk-batches.js';

/** Bytes per write: measured, larger gains nothing and smaller costs throughput. */
const WRITE_SIZE = 2 ** 20;

/**
 * Writes `body` at `position` and resolves with the position behind its last byte; nothing is synced. While one batch is
 * written the next is gathered, so at most two (2 MiB and a chunk) are held. Errors of the body pass as they are, the
 * file's come as StoreUnavailable; in both cases no write is under way any more.
 */
export async function writeBody(file: FileHandle, position: number, body: AsyncIterable<Uint8Array>): Promise<number> {
  let writing = Promise.resolve();
  try {
    for await (const batch of chunkBatches(body, WRITE_SIZE)) {
      await writing;
      writing = writeBatch(file, position, batch);
      writing.catch(() => undefined);
      position += bytesOf(batch);
    }
  } finally {
    await writing.catch(() => undefined);
  }
  await writing;
  return position;
}

async function writeBatch(file: FileHandle, position: number, batch: Uint8Array[]): Promise<void> {
  let rest = batch;
  try {
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest, position);
      position += bytesWritten;
      rest = behind(rest, bytesWritten);
    }
  } catch (error) {
    throw new StoreUnavailable('write', error);
  }
}

/** What of `batch` is left behind its first `written` bytes: the kernel may write less than it was given. */
function behind(batch: Uint8Array[], written: number): Uint8Array[] {
  for (let index = 0; index < batch.length; index++) {
    const chunk = batch[index]!;
    if (written < chunk.length) return [chunk.subarray(written), ...batch.slice(index + 1)];
    written -= chunk.length;
  }
  return [];
}

function bytesOf(batch: Uint8Array[]): number {
  return batch.reduce((bytes, chunk) => bytes + chunk.length, 0);
}
