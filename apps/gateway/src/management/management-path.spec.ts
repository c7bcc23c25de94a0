import { parseManagementPath } from './management-path.js';

describe(parseManagementPath, () => {
  it.each([
    ['namespaces', { kind: 'organisations' }],
    ['namespaces/acme', { kind: 'organisation', organisation: 'acme' }],
    ['namespaces/acme/access', { kind: 'organisationAccess', organisation: 'acme' }],
    ['namespaces/acme/repos', { kind: 'organisationRepositories', organisation: 'acme' }],
    ['namespaces/acme/repos/app', { kind: 'repository', organisation: 'acme', repository: 'acme/app' }],
    ['namespaces/acme/repos/app/access', { kind: 'repositoryAccess', organisation: 'acme', repository: 'acme/app' }],
    ['namespaces/acme/repos/app/tags', { kind: 'tags', organisation: 'acme', repository: 'acme/app' }],
    ['namespaces/acme/repos/app/tags/v1', { kind: 'tag', organisation: 'acme', repository: 'acme/app', tag: 'v1' }],
    [
      'namespaces/acme/repositories/app/access-domains',
      { kind: 'shares', organisation: 'acme', repository: 'acme/app' },
    ],
    [
      'namespaces/acme/repos/app/access-domains/other',
      { kind: 'share', organisation: 'acme', repository: 'acme/app', account: 'other' },
    ],
    ['projects/0a1b/quotas', { kind: 'quotas', project: '0a1b' }],
    ['utils/secret', { kind: 'dockerLogin' }],
    ['domain/0123/accelerator', { kind: 'accelerator', account: '0123' }],
    ['domain/0123/accelerators', { kind: 'accelerator', account: '0123' }],
    ['shared-repositories', { kind: 'sharedRepositories' }],
    ['dockerhub/repos', { kind: 'officialImages' }],
    ['dockerhub/namespaces/acme/repos/a$b', { kind: 'officialImage', organisation: 'acme', repository: 'acme/a/b' }],
    ['dockerhub/namespaces/acme/repos/tags', { kind: 'officialImage', organisation: 'acme', repository: 'acme/tags' }],
    [
      'dockerhub/namespaces/acme/repos/a/b/tags',
      { kind: 'officialImageTags', organisation: 'acme', repository: 'acme/a/b' },
    ],
  ])('reads %s', (path, parsed) => {
    expect(parseManagementPath(path)).toEqual(parsed);
  });

  it.each(['a$b$c', 'a/b/c', 'a%2Fb%2Fc', 'a%24b/c'])('reads the slashes of a repository in %s', (name) => {
    const repository = { organisation: 'acme', repository: 'acme/a/b/c' };
    expect(parseManagementPath(`namespaces/acme/repos/${name}`)).toEqual({ kind: 'repository', ...repository });
    expect(parseManagementPath(`namespaces/acme/repos/${name}/tags/v1`)).toEqual({
      kind: 'tag',
      ...repository,
      tag: 'v1',
    });
  });

  it('takes a repository for one that is called like a part of the path', () => {
    for (const name of ['tags', 'access', 'access-domains', 'repos']) {
      expect(parseManagementPath(`namespaces/acme/repos/${name}`)).toMatchObject({
        kind: 'repository',
        repository: `acme/${name}`,
      });
    }
  });

  it.each([
    ...['', 'namespace', 'namespaces/', 'namespaces//access', 'namespaces/acme/', 'namespaces/acme/other'],
    ...['projects', 'projects/0a1b', 'projects/0a1b/quotas/x', 'projects/0a1b/other'],
    ...['namespaces/acme/access/x', 'namespaces/%zz', 'namespaces/acme/repos/app/'],
    ...['shared-repositories/x', 'dockerhub', 'dockerhub/repos/x', 'dockerhub/namespaces', 'dockerhub/namespaces/acme'],
    ...['dockerhub/namespaces/acme/repos', 'dockerhub/namespaces/acme/access/x'],
    ...['utils', 'utils/secret/x', 'domain/0123', 'domain/0123/accelerator/x', 'domain//accelerator'],
  ])('finds nothing under "%s"', (path) => {
    expect(parseManagementPath(path)).toBeNull();
  });

  it.each(['..$other', '%2e%2e%2fother', 'A', 'app/tags/v1/more!', '%00', 'x'.repeat(300)])(
    'knows no repository %s',
    (name) => {
      expect(() => parseManagementPath(`namespaces/acme/repos/${name}`)).toThrow(
        expect.objectContaining({ error: 'REPOSITORY_UNKNOWN' }) as Error,
      );
    },
  );

  it.each(['x'.repeat(256), 'a%00b'])('knows no organisation %s', (name) => {
    expect(() => parseManagementPath(`namespaces/${name}`)).toThrow(
      expect.objectContaining({ error: 'ORGANISATION_UNKNOWN' }) as Error,
    );
  });
});
