import { RegistryError } from './errors.js';
import { parseReference } from './reference.js';

const DIGEST = `sha256:${'a1'.repeat(32)}`;

function codeOf(reference: string): string {
  try {
    parseReference(reference);
  } catch (error) {
    return error instanceof RegistryError ? error.code : String(error);
  }
  return 'accepted';
}

describe(parseReference.name, () => {
  it('takes what has a colon for a digest', () => {
    expect(parseReference(DIGEST)).toEqual({ kind: 'digest', digest: DIGEST });
    expect(codeOf('sha256:abc')).toBe('DIGEST_INVALID');
    expect(codeOf('latest:')).toBe('DIGEST_INVALID');
  });

  it('takes what has none for a tag', () => {
    expect(parseReference('v1.0')).toEqual({ kind: 'tag', tag: 'v1.0' });
    expect(codeOf('-v1')).toBe('MANIFEST_INVALID');
  });
});
