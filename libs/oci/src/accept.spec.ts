import fc from 'fast-check';
import { acceptedMediaRanges } from './accept.js';

const ranges = (accept: string | undefined) => [...acceptedMediaRanges(accept)];

describe(acceptedMediaRanges.name, () => {
  it.each([
    [undefined, []],
    ['', []],
    [' , ,', []],
    ['*/*', ['*/*']],
    ['a/b, C/D ,e/f', ['a/b', 'c/d', 'e/f']],
    ['a/b;level=1;q=0.5, c/d; q=1', ['a/b', 'c/d']],
    ['a/b;q=0, c/d; Q = 0.000 , e/f;q=0;x=1, g/h', ['g/h']],
    ['a/b;q=0.001, c/d;q=00', ['a/b', 'c/d']],
    ['a/b, a/b;q=0', ['a/b']],
    ['nonsense;;;=,\u0000', ['nonsense', '\u0000']],
  ])('reads %j as %j', (accept, expected) => {
    expect(ranges(accept)).toEqual(expected);
  });

  it('takes whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (accept) => {
        for (const range of ranges(accept)) expect(range).toBe(range.trim().toLowerCase());
      }),
    );
  });

  it.each([`${'a/b;q=1,'.repeat(200_000)}c/d`, `a/b${'; '.repeat(500_000)}`, `a/b;${' '.repeat(1_000_000)}`])(
    'reads a megabyte in one pass',
    (accept) => {
      expect(ranges(accept)).toContain('a/b');
    },
  );
});
