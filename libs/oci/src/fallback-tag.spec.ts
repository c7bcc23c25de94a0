import { type Digest, parseDigest } from './digest.js';
import { fallbackTag } from './fallback-tag.js';
import { isTag } from './tag.js';

describe(fallbackTag.name, () => {
  it('joins algorithm and hex by a dash', () => {
    expect(fallbackTag(parseDigest(`sha256:${'a1'.repeat(32)}`))).toBe(`sha256-${'a1'.repeat(32)}`);
  });

  it('cuts the hex to 64 characters', () => {
    expect(fallbackTag(parseDigest(`sha512:${'b2'.repeat(64)}`))).toBe(`sha512-${'b2'.repeat(32)}`);
  });

  it('follows the spec for algorithms we do not accept yet', () => {
    expect(fallbackTag(`${'x'.repeat(40)}:a=b` as Digest)).toBe(`${'x'.repeat(32)}-a-b`);
    expect(fallbackTag('multihash+base58:QmRZ' as Digest)).toBe('multihash-base58-QmRZ');
  });

  it('is a tag', () => {
    expect(isTag(fallbackTag(parseDigest(`sha512:${'b2'.repeat(64)}`)))).toBe(true);
  });
});
