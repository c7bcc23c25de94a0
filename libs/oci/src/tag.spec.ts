import { RegistryError } from './errors.js';
import { isTag, parseTag } from './tag.js';

function refusal(tag: string): string {
  try {
    parseTag(tag);
  } catch (error) {
    return error instanceof RegistryError ? error.code : String(error);
  }
  return 'accepted';
}

describe(parseTag.name, () => {
  it.each(['latest', 'V1.0-rc_1', '_', '0', 'sha256-abc', 'a..b', 'x'.repeat(128)])('accepts %s', (tag) => {
    expect(parseTag(tag)).toBe(tag);
  });

  describe('security', () => {
    it.each([
      ['nothing', ''],
      ['129 characters', 'x'.repeat(129)],
      ['a leading dot', '.a'],
      ['a parent directory', '..'],
      ['a leading dash', '-a'],
      ['a slash', 'a/b'],
      ['an encoded slash', 'a%2Fb'],
      ['a backslash', 'a\\b'],
      ['a NUL', 'a\0'],
      ['a line break at the end', 'a\n'],
      ['a space', 'a b'],
      ['a colon', 'a:b'],
      ['a Cyrillic letter', '\u0430'],
    ])('refuses %s with MANIFEST_INVALID', (_, tag) => {
      expect(refusal(tag)).toBe('MANIFEST_INVALID');
      expect(isTag(tag)).toBe(false);
    });
  });
});
