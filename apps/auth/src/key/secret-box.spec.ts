import { SecretBox } from './secret-box.js';

const KEY = 'k'.repeat(32);

describe(SecretBox, () => {
  it('opens what it sealed, in another process too', () => {
    for (const text of ['', 'secret', '{"d":"ä€"}', 'x'.repeat(10_000)]) {
      const box = new SecretBox(KEY, 'signing keys').seal(text);
      expect(new SecretBox(KEY, 'signing keys').open(box)).toBe(text);
      expect(new SecretBox(KEY, 'signing keys').open(new Uint8Array(box))).toBe(text);
    }
  });

  it('never seals the same text to the same bytes, and shows nothing of it', () => {
    const box = new SecretBox(KEY, 'signing keys');
    expect(box.seal('secret').equals(box.seal('secret'))).toBe(false);
    expect(box.seal('secret').includes('secret')).toBe(false);
  });

  it('does not open under another key, or for another purpose', () => {
    const box = new SecretBox(KEY, 'signing keys').seal('secret');
    expect(() => new SecretBox(`${KEY}x`, 'signing keys').open(box)).toThrow();
    expect(() => new SecretBox(KEY, 'access keys').open(box)).toThrow();
  });

  it('does not open what was changed, wherever that was, or cut', () => {
    const opener = new SecretBox(KEY, 'signing keys');
    const box = opener.seal('secret');
    for (let at = 0; at < box.length; at++) {
      const changed = Buffer.from(box);
      changed[at]! ^= 1;
      expect(() => opener.open(changed)).toThrow();
    }
    for (const length of [0, 11, 12, 27, box.length - 1]) expect(() => opener.open(box.subarray(0, length))).toThrow();
  });

  it('does not open under a tag that is shorter than it was made: guessing one would be too easy', () => {
    const opener = new SecretBox(KEY, 'signing keys');
    const empty = opener.seal('');
    for (const bytes of [4, 8, 12, 15]) expect(() => opener.open(empty.subarray(0, 12 + bytes))).toThrow();
    expect(opener.open(empty)).toBe('');
  });
});
