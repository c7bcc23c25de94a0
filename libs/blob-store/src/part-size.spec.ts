import { FIRST_PART_SIZE, MOST_PARTS, partSize } from './part-size.js';

const MIB = 2 ** 20;
const TIB = 2 ** 40;
const numbers = Array.from({ length: MOST_PARTS }, (_, index) => index + 1);

describe(partSize.name, () => {
  it('reaches 5 TiB with 10,000 parts', () => {
    expect(numbers.reduce((bytes, number) => bytes + partSize(number), 0)).toBeGreaterThanOrEqual(5 * TIB);
  });

  it('keeps every part within what S3 takes and Node hashes in one piece', () => {
    const sizes = numbers.map(partSize);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(5 * MIB);
    expect(Math.max(...sizes)).toBeLessThan(2 ** 31);
  });

  it('starts with 1,000 parts of 8 MiB and never shrinks', () => {
    expect(numbers.slice(0, 1000).every((number) => partSize(number) === FIRST_PART_SIZE)).toBe(true);
    expect(partSize(1001)).toBe(16 * MIB);
    expect(numbers.slice(1).every((number) => partSize(number) >= partSize(number - 1))).toBe(true);
  });

  it('knows no part 0 and none behind the last', () => {
    expect(() => partSize(0)).toThrow(RangeError);
    expect(() => partSize(MOST_PARTS + 1)).toThrow(RangeError);
  });
});
