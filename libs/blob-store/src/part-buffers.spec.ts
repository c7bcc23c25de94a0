import { randomBytes } from 'node:crypto';
import { FillingPart, PartBuffers } from './part-buffers.js';
import { FIRST_PART_SIZE } from './part-size.js';

const KIB = 1024;

async function fill(part: FillingPart, bytes: Buffer): Promise<number> {
  let position = 0;
  while (position < bytes.length && !part.full) position += await part.add(bytes.subarray(position));
  return position;
}

describe(FillingPart.name, () => {
  it('takes no part buffer while it is small', async () => {
    const pool = new PartBuffers(2 * FIRST_PART_SIZE);
    const part = new FillingPart(pool, FIRST_PART_SIZE);
    await part.add(Buffer.from('small'));
    expect(part.bytes().toString()).toBe('small');
    expect(pool.tryTake(FIRST_PART_SIZE)).not.toBeNull();
  });

  it('keeps its bytes when it goes over to a buffer, and takes no more than it holds', async () => {
    const part = new FillingPart(new PartBuffers(2 * FIRST_PART_SIZE), FIRST_PART_SIZE);
    const bytes = randomBytes(FIRST_PART_SIZE + 100);
    let position = 0;
    for (const size of [100 * KIB, 200 * KIB]) position += await fill(part, bytes.subarray(position, position + size));
    position += await fill(part, bytes.subarray(position));
    expect(position).toBe(FIRST_PART_SIZE);
    expect(part.full).toBe(true);
    expect(part.bytes().equals(bytes.subarray(0, FIRST_PART_SIZE))).toBe(true);
  });

  it('gives all its memory back', async () => {
    const pool = new PartBuffers(FIRST_PART_SIZE);
    for (let round = 0; round < 20; round++) {
      const [small, large] = [new FillingPart(pool, FIRST_PART_SIZE), new FillingPart(pool, FIRST_PART_SIZE)];
      await fill(small, randomBytes(200 * KIB));
      await fill(large, randomBytes(300 * KIB));
      expect(pool.tryTake(FIRST_PART_SIZE)).toBeNull();
      small.release();
      large.release();
    }
    expect(pool.trySmall(FIRST_PART_SIZE / 8)).toBe(true);
    expect(pool.tryTake(FIRST_PART_SIZE)).not.toBeNull();
  });

  it('waits for a buffer when others hold them all', async () => {
    const pool = new PartBuffers(FIRST_PART_SIZE);
    const [first, second] = [new FillingPart(pool, FIRST_PART_SIZE), new FillingPart(pool, FIRST_PART_SIZE)];
    await fill(first, randomBytes(MANY));
    let filled = false;
    const waiting = fill(second, randomBytes(MANY)).then(() => (filled = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(filled).toBe(false);
    expect(pool.contended).toBe(true);
    first.release();
    await waiting;
    expect(second.length).toBe(MANY);
  });
});

const MANY = 300 * KIB;
