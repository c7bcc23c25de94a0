import fc from 'fast-check';
import { RegistryError } from './errors.js';
import { displayName, organisationOf, parseRepositoryName, repositoryRest } from './repository-name.js';

function refusal(name: string): string {
  try {
    parseRepositoryName(name);
  } catch (error) {
    return error instanceof RegistryError ? error.code : String(error);
  }
  return 'accepted';
}

describe(parseRepositoryName.name, () => {
  it.each(['a/b', 'team-a/sub/project_x/image.name', 'a/b__c', 'a/b---c', '0/1', 'a/blobs/uploads', 'tags/manifests'])(
    'accepts %s as it is',
    (name) => {
      expect(parseRepositoryName(name)).toBe(name);
    },
  );

  it('takes a name of one component for one of library', () => {
    expect(parseRepositoryName('busybox')).toBe('library/busybox');
    expect(parseRepositoryName('library/busybox')).toBe('library/busybox');
  });

  it('accepts 255 characters and refuses 256', () => {
    const longest = `a/${'b'.repeat(253)}`;
    expect(parseRepositoryName(longest)).toBe(longest);
    expect(refusal(`${longest}b`)).toBe('NAME_INVALID');
  });

  it('counts the length of the canonical spelling', () => {
    expect(parseRepositoryName('b'.repeat(247))).toHaveLength(255);
    expect(refusal('b'.repeat(248))).toBe('NAME_INVALID');
  });

  it('refuses the organisation manage, which is the path of the management API', () => {
    expect(refusal('manage')).toBe('NAME_INVALID');
    expect(refusal('manage/namespaces')).toBe('NAME_INVALID');
    expect(parseRepositoryName('manager/manage')).toBe('manager/manage');
    expect(parseRepositoryName('library/manage')).toBe('library/manage');
  });

  describe('security', () => {
    it.each([
      ['nothing', ''],
      ['a slash', '/'],
      ['a leading slash', '/a/b'],
      ['a trailing slash', 'a/b/'],
      ['an empty component', 'a//b'],
      ['a parent directory', 'a/../b'],
      ['this directory', 'a/./b'],
      ['an encoded parent directory', 'a/%2e%2e/b'],
      ['an encoded slash', 'a%2Fb'],
      ['a traversal in the encoding of SWR', 'a/$..$b'],
      ['a backslash', 'a\\b'],
      ['a NUL', 'a/b\0'],
      ['a line break at the end', 'a/b\n'],
      ['a space', 'a/b c'],
      ['a Cyrillic a', 'a/\u0430'],
      ['a full-width a', 'a/\uff41'],
      ['a Kelvin sign', 'a/\u212a'],
      ['upper case', 'a/B'],
      ['a leading underscore', 'a/_uploads'],
      ['a leading dot', 'a/.b'],
      ['a leading dash', 'a/-b'],
      ['a trailing dot', 'a/b.'],
      ['a trailing dash', 'a/b-'],
      ['a trailing underscore', 'a/b_'],
      ['two dots', 'a/b..c'],
      ['three underscores', 'a/b___c'],
      ['mixed separators', 'a/b._c'],
      ['a tag', 'a/b:latest'],
      ['a digest', `a/b@sha256:${'a'.repeat(64)}`],
    ])('refuses %s with NAME_INVALID', (_, name) => {
      expect(refusal(name)).toBe('NAME_INVALID');
    });

    it('does not echo more than 256 characters of a bad name', () => {
      const wire = (() => {
        try {
          return parseRepositoryName('A'.repeat(100_000));
        } catch (error) {
          return (error as RegistryError).toWire();
        }
      })();
      expect(wire).toMatchObject({ code: 'NAME_INVALID', detail: { name: `${'A'.repeat(255)}…` } });
    });

    it('decides a hostile name in well under a millisecond', () => {
      const hostile = `${'a-'.repeat(126)}!`;
      const start = performance.now();
      for (let i = 0; i < 1000; i++) refusal(hostile);
      expect(performance.now() - start).toBeLessThan(1000);
    });
  });
});

describe(displayName.name, () => {
  it.each([
    ['library/busybox', 'busybox'],
    ['a/b', 'a/b'],
    ['library/a/b', 'library/a/b'],
    ['library/manage', 'library/manage'],
    ['libraryx/b', 'libraryx/b'],
    ['a/library/b', 'a/library/b'],
  ])('shows %s as %s', (name, shown) => {
    expect(displayName(parseRepositoryName(name))).toBe(shown);
  });

  it('always parses back to the same repository', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/);
    const organisation = fc.oneof(fc.constantFrom('library', 'libraryx', 'a'), component);
    const rest = fc.array(fc.oneof(fc.constantFrom('manage', 'library'), component), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(organisation, rest, (first, others) => {
        fc.pre(first !== 'manage');
        const name = parseRepositoryName([first, ...others].join('/'));
        expect(parseRepositoryName(displayName(name))).toBe(name);
        expect(`${organisationOf(name)}/${repositoryRest(name)}`).toBe(name);
      }),
    );
  });
});

describe(organisationOf.name, () => {
  it('is the first component, and the rest is all else', () => {
    expect(organisationOf(parseRepositoryName('a/b/c'))).toBe('a');
    expect(repositoryRest(parseRepositoryName('a/b/c'))).toBe('b/c');
    expect(organisationOf(parseRepositoryName('busybox'))).toBe('library');
    expect(repositoryRest(parseRepositoryName('busybox'))).toBe('busybox');
  });
});
