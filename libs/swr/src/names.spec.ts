import { parseNewOrganisation, parseNewRepository, repositoryInPath } from './names.js';

const refusedAs = (error: string) => expect.objectContaining({ error }) as Error;

describe(parseNewOrganisation, () => {
  it.each(['a', 'group', 'g1', 'a.b', 'a_b', 'a__b', 'a-b', 'a--b', 'a'.repeat(64)])('takes %s', (name) => {
    expect(parseNewOrganisation(name)).toBe(name);
  });

  it.each([
    ...['', '1a', 'A', 'a.', '-a', 'a..b', 'a___b', 'a._b', 'a-.b', 'a b', 'ä', 'a/b', 'a\n', '../a', 'a$b'],
    'a'.repeat(65),
    'manage',
  ])('refuses "%s"', (name) => {
    expect(() => parseNewOrganisation(name)).toThrow(refusedAs('ORGANISATION_NAME_INVALID'));
  });
});

describe(parseNewRepository, () => {
  it.each(['busybox', '1st', 'a/b/c', 'a.b', 'a__b', 'a--b', 'x'.repeat(128)])('takes %s', (name) => {
    expect(parseNewRepository('group', name)).toBe(`group/${name}`);
  });

  it.each(['', '/a', 'a/', 'a//b', 'a/_b', 'a/.b', 'A', 'a$b', '..', 'a/../b', 'x'.repeat(129)])(
    'refuses "%s"',
    (name) => {
      expect(() => parseNewRepository('group', name)).toThrow(refusedAs('REPOSITORY_NAME_INVALID'));
    },
  );
});

describe(repositoryInPath, () => {
  it('reads a dollar as a slash, and takes a slash as well', () => {
    expect(repositoryInPath('group', 'a$b$c')).toBe('group/a/b/c');
    expect(repositoryInPath('group', 'a/b')).toBe('group/a/b');
  });

  it('knows what a push may have made and this API may not', () => {
    expect(repositoryInPath('1st', 'x'.repeat(200))).toBe(`1st/${'x'.repeat(200)}`);
  });

  it.each([
    ['group', ''],
    ['group', '..$other'],
    ['group', '$etc'],
    ['group', 'a$'],
    ['group', 'a$$b'],
    ['manage', 'a'],
    ['a/b', 'c'],
    ['', 'a'],
    ['..', 'a'],
    ['group', 'x'.repeat(300)],
  ])('finds nothing under "%s" and "%s"', (organisation, segment) => {
    expect(() => repositoryInPath(organisation, segment)).toThrow(refusedAs('REPOSITORY_UNKNOWN'));
  });
});
