import { RegistryError } from '@berth/oci';
import { parseRegistryPath } from './route-grammar.js';

const SHA256 = `sha256:${'0a'.repeat(32)}`;
const SHA512 = `sha512:${'0a'.repeat(64)}`;
const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';

const codeOf = (path: string): string => {
  try {
    parseRegistryPath(path);
  } catch (error) {
    return error instanceof RegistryError ? error.code : String(error);
  }
  return 'no error';
};

describe(parseRegistryPath, () => {
  it('reads every endpoint', () => {
    const name = { spelled: 'a/b', repository: 'a/b' };
    expect(parseRegistryPath('')).toEqual({ kind: 'base' });
    expect(parseRegistryPath('_catalog')).toEqual({ kind: 'catalog' });
    expect(parseRegistryPath('a/b/tags/list')).toEqual({ kind: 'tags', name });
    expect(parseRegistryPath('a/b/manifests/v1')).toEqual({
      kind: 'manifest',
      name,
      reference: { kind: 'tag', tag: 'v1' },
    });
    expect(parseRegistryPath(`a/b/manifests/${SHA256}`)).toEqual({
      kind: 'manifest',
      name,
      reference: { kind: 'digest', digest: SHA256 },
    });
    expect(parseRegistryPath(`a/b/blobs/${SHA512}`)).toEqual({ kind: 'blob', name, digest: SHA512 });
    expect(parseRegistryPath(`a/b/referrers/${SHA512}`)).toEqual({ kind: 'referrers', name, digest: SHA512 });
    expect(parseRegistryPath('_oci/ext/discover')).toEqual({ kind: 'extensions' });
    expect(parseRegistryPath('a/b/_oci/ext/discover')).toEqual({ kind: 'repositoryExtensions', name });
    expect(parseRegistryPath('a/b/blobs/uploads/')).toEqual({ kind: 'uploads', name });
    expect(parseRegistryPath('a/b/blobs/uploads')).toEqual({ kind: 'uploads', name });
    expect(parseRegistryPath(`a/b/blobs/uploads/${SESSION}`)).toEqual({ kind: 'upload', name, sessionId: SESSION });
  });

  it('keeps the spelling of a name of one component beside the repository that it means', () => {
    expect(parseRegistryPath('busybox/tags/list')).toEqual({
      kind: 'tags',
      name: { spelled: 'busybox', repository: 'library/busybox' },
    });
  });

  describe('with a name that holds the words of the grammar', () => {
    it.each([
      'a/blobs',
      'a/manifests',
      'a/tags',
      'a/uploads',
      'a/tags/list',
      'a/blobs/uploads',
      'blobs/uploads',
      'a/referrers',
      'ext/discover',
      'tags',
    ])('reads %s from the right', (spelled) => {
      const name = expect.objectContaining({ spelled }) as unknown;
      expect(parseRegistryPath(`${spelled}/tags/list`)).toEqual({ kind: 'tags', name });
      expect(parseRegistryPath(`${spelled}/manifests/v1`)).toMatchObject({ kind: 'manifest', name });
      expect(parseRegistryPath(`${spelled}/blobs/${SHA256}`)).toMatchObject({ kind: 'blob', name });
      expect(parseRegistryPath(`${spelled}/referrers/${SHA256}`)).toMatchObject({ kind: 'referrers', name });
      expect(parseRegistryPath(`${spelled}/_oci/ext/discover`)).toEqual({ kind: 'repositoryExtensions', name });
      expect(parseRegistryPath(`${spelled}/blobs/uploads/`)).toEqual({ kind: 'uploads', name });
      expect(parseRegistryPath(`${spelled}/blobs/uploads/${SESSION}`)).toMatchObject({ kind: 'upload', name });
    });

    it('takes a tag that is a word of the grammar', () => {
      for (const tag of ['list', 'uploads', 'blobs', 'tags']) {
        expect(parseRegistryPath(`a/manifests/${tag}`)).toMatchObject({ reference: { kind: 'tag', tag } });
      }
    });
  });

  it.each([
    'a',
    'a/b',
    'a/tags',
    'a/manifests',
    'a/blobs',
    '_catalog/',
    '_catalogs',
    'a/_catalog',
    'a/tags/list/',
    'a/tags/all',
    'a/referrers',
    'a/_oci/ext',
    'a/_oci/ext/other',
    'a/ext/discover',
    '/',
  ])('knows no endpoint at %s', (path) => expect(parseRegistryPath(path)).toBeNull());

  describe('refuses as NAME_INVALID', () => {
    it.each([
      ['no name', '/tags/list'],
      ['dots', 'a/../b/tags/list'],
      ['encoded dots', 'a/%2e%2e/b/tags/list'],
      ['half encoded dots', 'a/.%2E/b/manifests/v1'],
      ['a single dot', 'a/./b/tags/list'],
      ['an encoded slash', 'a%2Fb/tags/list'],
      ['an encoded slash before dots', '..%2f..%2fetc/manifests/v1'],
      ['an encoded slash in a reference', 'a/manifests/v1%2fv2'],
      ['two slashes', 'a//b/tags/list'],
      ['a leading slash', '/a/tags/list'],
      ['a backslash', 'a\\b/tags/list'],
      ['an encoded backslash', 'a%5cb/tags/list'],
      ['NUL', 'a%00/tags/list'],
      ['a line feed', 'a%0a/tags/list'],
      ['a homoglyph', '%D0%B0/tags/list'],
      ['a full-width letter', '\uFF41/tags/list'],
      ['upper case', 'A/tags/list'],
      ['a broken escape', 'a%/tags/list'],
      ['an escape that is no hex', 'a%zz/tags/list'],
      ['an escape that is no UTF-8', 'a%ff/tags/list'],
      ['a double escape', 'a%252fb/tags/list'],
      ['a leading underscore', '_uploads/tags/list'],
      ['a trailing dash', 'a-/tags/list'],
      ['256 characters', `${'a/'.repeat(127)}aa/tags/list`],
      ['the management API', 'manage/projects/tags/list'],
    ])('%s', (_what, path) => expect(codeOf(path)).toBe('NAME_INVALID'));
  });

  it('decodes what needed no escape', () => {
    expect(parseRegistryPath('%61/t%61gs/list')).toMatchObject({ kind: 'tags', name: { spelled: 'a' } });
    expect(parseRegistryPath(`a/blobs/${SHA256.replace(':', '%3A')}`)).toMatchObject({ kind: 'blob', digest: SHA256 });
  });

  describe('refuses as DIGEST_INVALID', () => {
    it.each([
      ['a short one', 'sha256:abc'],
      ['upper-case hex', SHA256.toUpperCase().replace('SHA', 'sha')],
      ['one character too many', `${SHA256}0`],
      ['the length of another algorithm', `sha512:${'0a'.repeat(32)}`],
      ['an unknown algorithm', `md5:${'0a'.repeat(16)}`],
      ['a path', 'sha256:..'],
      ['no algorithm', '0a'.repeat(32)],
      ['nothing', ''],
    ])('%s', (_what, digest) => {
      expect(codeOf(`a/blobs/${digest}`)).toBe('DIGEST_INVALID');
      expect(codeOf(`a/referrers/${digest}`)).toBe('DIGEST_INVALID');
      if (digest.includes(':')) expect(codeOf(`a/manifests/${digest}`)).toBe('DIGEST_INVALID');
    });
  });

  it('refuses a tag outside the grammar as MANIFEST_INVALID', () => {
    for (const tag of ['', '.a', '-a', 'a'.repeat(129), 'a%20b', 'a%00']) {
      expect([tag, codeOf(`a/manifests/${tag}`)]).toEqual([tag, 'MANIFEST_INVALID']);
    }
    expect(parseRegistryPath(`a/manifests/${'a'.repeat(128)}`)).toMatchObject({ kind: 'manifest' });
  });

  it('knows session ids by their shape: anything else is no session of ours', () => {
    for (const id of [
      'x',
      SESSION.toUpperCase(),
      `${SESSION}0`,
      SESSION.replaceAll('-', ''),
      `${SESSION.slice(0, -1)}%00`,
      '..',
      '00000000-0000-0000-0000-000000000001',
    ]) {
      expect([id, codeOf(`a/blobs/uploads/${id}`)]).toEqual([id, 'BLOB_UPLOAD_UNKNOWN']);
    }
  });

  it('looks at the name before the session', () => {
    expect(codeOf(`A/blobs/uploads/${SESSION}`)).toBe('NAME_INVALID');
  });
});
