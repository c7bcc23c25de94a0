import fc from 'fast-check';
import { nextLink } from './link-header.js';

describe(nextLink.name, () => {
  it('points to the next page', () => {
    expect(nextLink('/v2/a/b/tags/list', { n: 10, last: 'v1.0' })).toBe(
      '</v2/a/b/tags/list?n=10&last=v1.0>; rel="next"',
    );
  });

  it('leaves undefined values out, and the question mark when nothing is left', () => {
    expect(nextLink('/v2/_catalog', { n: undefined, last: 'a/b' })).toBe('</v2/_catalog?last=a%2Fb>; rel="next"');
    expect(nextLink('/v2/_catalog', { n: undefined })).toBe('</v2/_catalog>; rel="next"');
  });

  it('keeps a zero and an empty text', () => {
    expect(nextLink('/p', { n: 0, last: '' })).toBe('</p?n=0&last=>; rel="next"');
  });

  it('leaves a path alone that is encoded already', () => {
    expect(nextLink('/v2/a%20b/referrers/sha256:ab', {})).toBe('</v2/a%20b/referrers/sha256:ab>; rel="next"');
  });

  describe('security', () => {
    it('never points to another host', () => {
      expect(nextLink('//evil.example/x', {})).toBe('</evil.example/x>; rel="next"');
      expect(nextLink('/\\evil.example', {})).toBe('</%5Cevil.example>; rel="next"');
    });

    it('stays one link in one line, whatever the values', () => {
      const text = fc.string({ unit: 'binary' });
      fc.assert(
        fc.property(text, text, text, (path, key, value) => {
          expect(nextLink(`/${path}\r\n>`, { [key]: `${value}\ud800"` })).toMatch(/^<\/[!-;=?-~]*>; rel="next"$/);
        }),
      );
    });

    it('gives the value back to whoever parses the query', () => {
      fc.assert(
        fc.property(fc.string({ unit: 'grapheme' }), (last) => {
          const target = /^<(.*)>/.exec(nextLink('/p', { last }))?.[1] ?? '';
          expect(new URL(target, 'http://h').searchParams.get('last')).toBe(last);
        }),
      );
    });
  });
});
