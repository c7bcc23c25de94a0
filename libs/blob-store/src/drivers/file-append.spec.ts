import type { FileHandle } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { StoreUnavailable } from '../blob-store.js';
import { bodyOf, hashOf } from '../blob-store.suite.js';
import { writeBody } from './file-append.js';

const MIB = 2 ** 20;

/** A file whose writes the test decides: `write` gets what would be written and tells how many bytes of it were. */
function fileThat(write: (bytes: Buffer, position: number) => number): FileHandle {
  const writev = async (chunks: Uint8Array[], position: number) => ({
    bytesWritten: write(Buffer.concat(chunks), position),
    buffers: chunks,
  });
  return { writev } as unknown as FileHandle;
}

describe(writeBody.name, () => {
  it('goes on where the kernel stopped short', async () => {
    const content = Buffer.alloc(3 * MIB + 5);
    const file = fileThat((bytes, position) => bytes.copy(content, position, 0, 300_001));
    const bytes = randomBytes(content.length - 5);
    expect(await writeBody(file, 5, bodyOf(bytes))).toBe(content.length);
    expect(hashOf(content.subarray(5))).toBe(hashOf(bytes));
  });

  it('writes at least 1 MiB at a time but for the rest', async () => {
    const sizes: number[] = [];
    const file = fileThat((bytes) => sizes[sizes.push(bytes.length) - 1]!);
    await writeBody(file, 0, bodyOf(randomBytes(2 * MIB + 70_000), 65_537));
    expect(sizes).toEqual([16 * 65_537, 16 * 65_537, 2 * MIB + 70_000 - 32 * 65_537]);
  });

  it('does not gather millions of tiny chunks', async () => {
    const sizes: number[] = [];
    const file = fileThat((bytes) => sizes[sizes.push(bytes.length) - 1]!);
    expect(await writeBody(file, 0, bodyOf(randomBytes(3000), 1))).toBe(3000);
    expect(sizes).toEqual([1024, 1024, 952]);
  });

  it('names the store where the last write fails', async () => {
    const file = fileThat(() => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    await expect(writeBody(file, 0, bodyOf(randomBytes(10)))).rejects.toThrow(StoreUnavailable);
  });
});
