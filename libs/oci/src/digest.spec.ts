import { digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from './digest.js';
import { RegistryError } from './errors.js';

const HEX_64 = 'a1'.repeat(32);
const HEX_128 = 'b2'.repeat(64);

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return error instanceof RegistryError ? error.code : String(error);
  }
  return 'nothing thrown';
}

describe(parseDigest.name, () => {
  it.each([`sha256:${HEX_64}`, `sha512:${HEX_128}`])('accepts %s', (digest) => {
    expect(parseDigest(digest)).toBe(digest);
  });

  it('tells the algorithm and the hex of both algorithms', () => {
    expect(digestAlgorithm(parseDigest(`sha512:${HEX_128}`))).toBe('sha512');
    expect(digestHex(parseDigest(`sha512:${HEX_128}`))).toBe(HEX_128);
    expect(digestAlgorithm(parseDigest(`sha256:${HEX_64}`))).toBe('sha256');
    expect(digestHex(parseDigest(`sha256:${HEX_64}`))).toBe(HEX_64);
  });

  describe('security', () => {
    it.each([
      ['an empty text', ''],
      ['no algorithm', HEX_64],
      ['a short hex', `sha256:${HEX_64.slice(1)}`],
      ['a long hex', `sha256:${HEX_64}a`],
      ['the hex length of the other algorithm', `sha512:${HEX_64}`],
      ['upper-case hex', `sha256:${HEX_64.toUpperCase()}`],
      ['an upper-case algorithm', `SHA256:${HEX_64}`],
      ['sha1', `sha1:${'a'.repeat(40)}`],
      ['md5', `md5:${'a'.repeat(32)}`],
      ['an algorithm that a prototype knows', `constructor:${HEX_64}`],
      ['a path behind it', `sha256:${HEX_64}/../../etc/passwd`],
      ['a path instead of hex', `sha256:${'../'.repeat(21)}a`],
      ['a line break behind it', `sha256:${HEX_64}\n`],
      ['a NUL behind it', `sha256:${HEX_64}\0`],
      ['two digests', `sha256:${HEX_64},sha256:${HEX_64}`],
      ['a full-width digit', `sha256:\uff11${HEX_64.slice(1)}`],
    ])('refuses %s with DIGEST_INVALID', (_, digest) => {
      expect(codeOf(() => parseDigest(digest))).toBe('DIGEST_INVALID');
      expect(isDigest(digest)).toBe(false);
    });

    it('does not echo more than 256 characters of a bad digest', () => {
      expect.assertions(1);
      try {
        parseDigest('x'.repeat(100_000));
      } catch (error) {
        expect(JSON.stringify((error as RegistryError).toWire()).length).toBeLessThan(500);
      }
    });

    it('takes only strings for digests, as query parsers make lists of repeated keys', () => {
      expect(isDigest([`sha256:${HEX_64}`])).toBe(false);
    });
  });
});

describe(digestOf.name, () => {
  it('is the sha256 of the bytes unless told otherwise', () => {
    const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(digestOf(new Uint8Array())).toBe(empty);
  });

  it('hashes by sha512 when asked', () => {
    const digest = digestOf(new TextEncoder().encode('abc'), 'sha512');
    expect(digest.slice(0, 23)).toBe('sha512:ddaf35a193617aba');
    expect(isDigest(digest)).toBe(true);
  });
});
