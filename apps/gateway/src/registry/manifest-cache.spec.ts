import { digestOf, parseReference, parseRepositoryName } from '@berth/oci';
import { ManifestCache } from './manifest-cache.js';

const REPOSITORY = parseRepositoryName('a/b');
const OTHER = parseRepositoryName('a/c');
const tag = parseReference('v1');
const payload = Buffer.from('{"one":1}');
const digest = digestOf(payload);
const byDigest = parseReference(digest);

describe(ManifestCache, () => {
  it('knows nothing at first', () => {
    const cache = new ManifestCache();
    expect(cache.get(digest)).toBeUndefined();
    expect(cache.knownFor(REPOSITORY, tag)).toEqual([]);
    expect(cache.knownFor(REPOSITORY, byDigest)).toEqual([]);
  });

  it('offers what a tag named last, of this repository only', () => {
    const cache = new ManifestCache();
    cache.remember(REPOSITORY, tag, digest, payload);
    expect(cache.get(digest)).toEqual(payload);
    expect(cache.knownFor(REPOSITORY, tag)).toEqual([digest]);
    expect(cache.knownFor(REPOSITORY, parseReference('v2'))).toEqual([]);
    expect(cache.knownFor(OTHER, tag)).toEqual([]);
  });

  it('offers a digest to every repository: the bytes are the same, and whether it has them is asked', () => {
    const cache = new ManifestCache();
    cache.remember(REPOSITORY, byDigest, digest, payload);
    expect(cache.knownFor(OTHER, byDigest)).toEqual([digest]);
    expect(cache.knownFor(REPOSITORY, tag)).toEqual([]);
  });

  it('follows a tag that moves', () => {
    const cache = new ManifestCache();
    const moved = Buffer.from('{"two":2}');
    cache.remember(REPOSITORY, tag, digest, payload);
    cache.remember(REPOSITORY, tag, digestOf(moved), moved);
    expect(cache.knownFor(REPOSITORY, tag)).toEqual([digestOf(moved)]);
  });

  it('holds 64 MiB at most, lets go of the oldest, and does not offer what it let go of', () => {
    const cache = new ManifestCache();
    const megabyte = 1024 * 1024;
    cache.remember(REPOSITORY, tag, digest, payload);
    for (let n = 0; n < 64; n++) {
      const big = Buffer.alloc(megabyte, n);
      const name = digestOf(Buffer.from(String(n)));
      cache.remember(REPOSITORY, parseReference(name), name, big);
    }
    expect(cache.get(digest)).toBeUndefined();
    expect(cache.knownFor(REPOSITORY, tag)).toEqual([]);
    expect(cache.get(digestOf(Buffer.from('63')))).toBeDefined();
  });
});
