import type { AccessFacts } from '@berth/metadata';
import { accessLevels, allowedActions, type Principal } from './access-engine.js';

const ANONYMOUS: Principal = { kind: 'anonymous' };
const user = (isAdministrator: boolean): Principal => ({ kind: 'user', id: 'u', accountId: 'a', isAdministrator });

type Organisation = AccessFacts['organisation'];
type Repository = AccessFacts['repository'];

const ORGANISATIONS: Record<string, Organisation> = {
  'no organisation': null,
  'own, no permission': { ownedByAccount: true, permission: null },
  'own, read': { ownedByAccount: true, permission: 1 },
  'own, edit': { ownedByAccount: true, permission: 3 },
  'own, manage': { ownedByAccount: true, permission: 7 },
  'foreign, no permission': { ownedByAccount: false, permission: null },
  'foreign, edit': { ownedByAccount: false, permission: 3 },
};
const REPOSITORIES: Record<string, Repository> = {
  'no repository': null,
  private: { isPublic: false, permission: null, sharedWithAccount: false },
  public: { isPublic: true, permission: null, sharedWithAccount: false },
  shared: { isPublic: false, permission: null, sharedWithAccount: true },
  'private, read': { isPublic: false, permission: 1, sharedWithAccount: false },
  'private, edit': { isPublic: false, permission: 3, sharedWithAccount: false },
  'public, manage': { isPublic: true, permission: 7, sharedWithAccount: false },
};
const LEVEL: Record<number, string[]> = {
  0: [],
  1: ['pull'],
  3: ['pull', 'push'],
  7: ['delete', 'pull', 'push'],
};

const actions = (principal: Principal, organisation: Organisation, repository: Repository) =>
  [...allowedActions(principal, { organisation, repository })].sort();

describe(allowedActions, () => {
  // A row per organisation, a column per repository, in the order above.
  const USER_TABLE: [string, number[]][] = [
    ['no organisation', [0, 0, 1, 1, 1, 3, 7]],
    ['own, no permission', [0, 0, 1, 1, 1, 3, 7]],
    ['own, read', [1, 1, 1, 1, 1, 3, 7]],
    ['own, edit', [3, 3, 3, 3, 3, 3, 7]],
    ['own, manage', [7, 7, 7, 7, 7, 7, 7]],
    ['foreign, no permission', [0, 0, 1, 1, 1, 3, 7]],
    ['foreign, edit', [3, 3, 3, 3, 3, 3, 7]],
  ];
  const ADMINISTRATOR_TABLE: [string, number[]][] = [
    ['no organisation', [7, 7, 7, 7, 7, 7, 7]],
    ['own, no permission', [7, 7, 7, 7, 7, 7, 7]],
    ['own, read', [7, 7, 7, 7, 7, 7, 7]],
    ['own, edit', [7, 7, 7, 7, 7, 7, 7]],
    ['own, manage', [7, 7, 7, 7, 7, 7, 7]],
    ['foreign, no permission', [0, 0, 1, 1, 1, 3, 7]],
    ['foreign, edit', [3, 3, 3, 3, 3, 3, 7]],
  ];

  describe.each([
    ['a user', user(false), USER_TABLE],
    ['an administrator', user(true), ADMINISTRATOR_TABLE],
  ] as const)('for %s', (_who, principal, table) => {
    it.each(table)('in an organisation that is: %s', (organisation, levels) => {
      const found = Object.entries(REPOSITORIES).map(([name, repository]) => [
        name,
        actions(principal, ORGANISATIONS[organisation]!, repository),
      ]);
      expect(found).toEqual(Object.keys(REPOSITORIES).map((name, column) => [name, LEVEL[levels[column]!]]));
    });
  });

  it('gives anonymous nothing but to pull what is public, whatever else the facts say', () => {
    for (const organisation of Object.values(ORGANISATIONS)) {
      for (const repository of Object.values(REPOSITORIES)) {
        expect(actions(ANONYMOUS, organisation, repository)).toEqual(repository?.isPublic ? ['pull'] : []);
      }
    }
  });

  it('shares read-only: a share never lets anybody push', () => {
    const shared: Repository = { isPublic: true, permission: null, sharedWithAccount: true };
    expect(actions(user(false), ORGANISATIONS['foreign, no permission']!, shared)).toEqual(['pull']);
    expect(actions(user(true), ORGANISATIONS['foreign, no permission']!, shared)).toEqual(['pull']);
  });
});

describe(accessLevels, () => {
  it('gives in an organisation what is held there, and in a repository at least that', () => {
    const [organisation, repository] = [ORGANISATIONS['own, edit']!, REPOSITORIES['private, read']!];
    expect(accessLevels(user(false), { organisation, repository })).toEqual({ organisation: 3, repository: 3 });
    expect(accessLevels(user(true), { organisation, repository })).toEqual({ organisation: 7, repository: 7 });
  });

  it('gives a permission on a repository, a share and public visibility for that repository alone', () => {
    const organisation = ORGANISATIONS['foreign, no permission']!;
    const levels = (name: string) => accessLevels(user(true), { organisation, repository: REPOSITORIES[name]! });
    expect(levels('private')).toEqual({ organisation: 0, repository: 0 });
    expect(levels('public')).toEqual({ organisation: 0, repository: 1 });
    expect(levels('shared')).toEqual({ organisation: 0, repository: 1 });
    expect(levels('private, edit')).toEqual({ organisation: 0, repository: 3 });
    expect(levels('public, manage')).toEqual({ organisation: 0, repository: 7 });
  });

  it('gives nothing in what is not there, to administrators neither', () => {
    expect(accessLevels(user(true), { organisation: null, repository: null })).toEqual({
      organisation: 0,
      repository: 0,
    });
    const organisation = ORGANISATIONS['own, manage']!;
    expect(accessLevels(user(true), { organisation, repository: null })).toEqual({ organisation: 7, repository: 0 });
  });

  it('gives anonymous what is public', () => {
    const [organisation, repository] = [ORGANISATIONS['own, manage']!, REPOSITORIES['public']!];
    expect(accessLevels(ANONYMOUS, { organisation, repository })).toEqual({ organisation: 0, repository: 1 });
  });
});
