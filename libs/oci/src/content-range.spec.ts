import fc from 'fast-check';
import { parseContentRange, parseRange } from './content-range.js';
import { RegistryError } from './errors.js';

describe(parseContentRange.name, () => {
  it.each([
    ['0-0', { start: 0, end: 0 }],
    ['5-9', { start: 5, end: 9 }],
    ['0-9007199254740990', { start: 0, end: 9007199254740990 }],
  ])('reads %s', (header, range) => {
    expect(parseContentRange(header)).toEqual(range);
  });

  describe('security', () => {
    it.each([
      '',
      '-',
      '5',
      '5-',
      '-5',
      '9-5',
      'bytes 0-9/10',
      'bytes=0-9',
      '0-9/10',
      ' 0-9',
      '0-9\n',
      '0 - 9',
      '0-9,10-19',
      '-1-5',
      '+0-9',
      '0x0-0x9',
      '1e3-2e3',
      '0-1.5',
      '\u0660-\u0669',
      '0-9007199254740991',
      '9007199254740993-9007199254740994',
      `0-${'9'.repeat(400)}`,
    ])('refuses %j with BLOB_UPLOAD_INVALID and status 416', (header) => {
      expect.assertions(2);
      try {
        parseContentRange(header);
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError);
        expect(error).toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 416 });
      }
    });
  });
});

describe(parseRange.name, () => {
  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=2-5', { start: 2, end: 5 }],
    ['bytes=2-', { start: 2, end: 9 }],
    ['bytes=9-', { start: 9, end: 9 }],
    ['bytes=2-9', { start: 2, end: 9 }],
    ['bytes=2-10', { start: 2, end: 9 }],
    ['bytes=-1', { start: 9, end: 9 }],
    ['bytes=-10', { start: 0, end: 9 }],
    ['bytes=-11', { start: 0, end: 9 }],
    ['Bytes=0-1', { start: 0, end: 1 }],
  ])('reads %s of ten bytes', (header, range) => {
    expect(parseRange(header, 10)).toEqual(range);
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=5-0'])('finds %s of ten bytes unsatisfiable', (header) => {
    expect(parseRange(header, 10)).toBe('unsatisfiable');
  });

  it.each(['', 'bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'items=0-1', 'bytes=0-1,3-4', 'bytes=--1', '0-1'])(
    'ignores %j',
    (header) => {
      expect(parseRange(header, 10)).toBeNull();
    },
  );

  it('finds no bytes in an empty blob, and ignores a suffix of it', () => {
    expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
    expect(parseRange('bytes=0-0', 0)).toBe('unsatisfiable');
    expect(parseRange('bytes=-5', 0)).toBeNull();
  });

  describe('security', () => {
    it('clips numbers beyond what we count exactly', () => {
      expect(parseRange(`bytes=3-${'9'.repeat(400)}`, 10)).toEqual({ start: 3, end: 9 });
      expect(parseRange(`bytes=-${'9'.repeat(400)}`, 10)).toEqual({ start: 0, end: 9 });
      expect(parseRange(`bytes=${'9'.repeat(400)}-`, 10)).toBe('unsatisfiable');
      expect(parseRange(`bytes=${'9'.repeat(400)}-${'9'.repeat(401)}`, 10)).toBe('unsatisfiable');
      expect(parseRange('bytes=9007199254740993-', Number.MAX_SAFE_INTEGER)).toBe('unsatisfiable');
    });

    it('ignores a thousand ranges', () => {
      expect(parseRange(`bytes=${Array.from({ length: 1000 }, () => '0-0').join(',')}`, 10)).toBeNull();
    });

    it('never answers a range outside the blob', () => {
      const number = fc.oneof(
        fc.constant(''),
        fc.nat(30).map(String),
        fc.bigInt({ min: 0n, max: 1n << 80n }).map(String),
      );
      const header = fc.tuple(number, number).map(([first, last]) => `bytes=${first}-${last}`);
      const size = fc.oneof(fc.nat(20), fc.maxSafeNat());
      fc.assert(
        fc.property(header, size, (value, bytes) => {
          const range = parseRange(value, bytes);
          if (range === null || range === 'unsatisfiable') return;
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeGreaterThanOrEqual(range.start);
          expect(range.end).toBeLessThan(bytes);
        }),
        { numRuns: 1000 },
      );
    });

    it('agrees with slicing for every small range', () => {
      fc.assert(
        fc.property(fc.nat(12), fc.nat(12), fc.integer({ min: 1, max: 12 }), (first, last, size) => {
          const all = Array.from({ length: size }, (_, index) => index);
          const wanted = all.filter((index) => index >= first && index <= last);
          const range = parseRange(`bytes=${first}-${last}`, size);
          const served = range === null || range === 'unsatisfiable' ? [] : all.slice(range.start, range.end + 1);
          expect(served).toEqual(wanted);
        }),
      );
    });
  });
});
