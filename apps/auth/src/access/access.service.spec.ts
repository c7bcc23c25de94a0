import type { AccessFacts, AccessFactsStore } from '@berth/metadata';
import type { Scope } from '@berth/oci';
import { AccessService } from './access.service.js';
import type { Principal } from './access-engine.js';

const user = (isAdministrator = false): Principal => ({ kind: 'user', id: 'u', accountId: 'a', isAdministrator });
const ANONYMOUS: Principal = { kind: 'anonymous' };
const on = (name: string, ...actions: string[]): Scope => ({ type: 'repository', name, actions });

const NOTHING: AccessFacts = { organisation: null, repository: null };
const MAY_READ: AccessFacts = { organisation: { ownedByAccount: false, permission: 1 }, repository: null };
const MAY_ALL: AccessFacts = { organisation: { ownedByAccount: false, permission: 7 }, repository: null };

function service(facts: Record<string, AccessFacts>) {
  const asked: unknown[][] = [];
  const store: Pick<AccessFactsStore, 'find'> = {
    find: async (...values) => {
      asked.push(values);
      return facts[values[0]] ?? NOTHING;
    },
  };
  return { service: new AccessService(store as AccessFactsStore), asked };
}

describe(AccessService, () => {
  it('splits what is asked into what is allowed and what is refused', async () => {
    const { service: access } = service({ 'a/b': MAY_READ });
    expect(await access.intersect(user(), [on('a/b', 'pull', 'push')])).toEqual({
      access: [on('a/b', 'pull')],
      refused: [on('a/b', 'push')],
    });
  });

  it('leaves out a scope of which nothing is left', async () => {
    const { service: access } = service({ 'a/b': MAY_ALL });
    expect(await access.intersect(user(), [on('a/b', 'pull'), on('c/d', 'pull')])).toEqual({
      access: [on('a/b', 'pull')],
      refused: [on('c/d', 'pull')],
    });
  });

  it('grants nothing that was not asked for', async () => {
    const { service: access } = service({ 'a/b': MAY_ALL });
    expect((await access.intersect(user(), [on('a/b', 'pull')])).access).toEqual([on('a/b', 'pull')]);
    expect(await access.intersect(user(), [])).toEqual({ access: [], refused: [] });
  });

  it('takes * for every action, and never puts it into a token', async () => {
    const { service: access } = service({ 'a/b': MAY_ALL, 'c/d': MAY_READ });
    expect(await access.intersect(user(), [on('a/b', '*'), on('c/d', '*')])).toEqual({
      access: [on('a/b', 'pull', 'push', 'delete'), on('c/d', 'pull')],
      refused: [on('c/d', 'push', 'delete')],
    });
  });

  it('asks for the canonical name and answers the spelling', async () => {
    const { service: access, asked } = service({ 'library/busybox': MAY_READ });
    expect((await access.intersect(user(), [on('busybox', 'pull')])).access).toEqual([on('busybox', 'pull')]);
    expect(asked).toEqual([['library/busybox', 'a', 'u']]);
  });

  it('asks for anonymous without an account', async () => {
    const { service: access, asked } = service({});
    await access.intersect(ANONYMOUS, [on('a/b', 'pull')]);
    expect(asked).toEqual([['a/b', null, null]]);
  });

  it.each([
    ['a name that is none', on('../etc', 'pull')],
    ['a pattern', on('*', 'pull')],
    ['upper case', on('A/B', 'pull')],
    ['the management API', on('manage/x', 'pull')],
    ['an unknown action', on('a/b', 'admin', 'PULL', '__proto__')],
    ['an unknown type', { type: 'plugin', name: 'a/b', actions: ['pull'] }],
    ['an inherited type', { type: 'constructor', name: 'a/b', actions: ['pull', '*'] }],
  ])('gives nothing for %s, and no error', async (_what, scope) => {
    const { service: access } = service({ 'a/b': MAY_ALL });
    for (const principal of [user(), user(true), ANONYMOUS]) {
      expect((await access.intersect(principal, [scope])).access).toEqual([]);
    }
  });

  describe('the catalog', () => {
    const CATALOG: Scope = { type: 'registry', name: 'catalog', actions: ['*'] };

    it('is for everybody, and asks nothing: what it lists is another question', async () => {
      const { service: access, asked } = service({});
      for (const principal of [user(true), user(), ANONYMOUS]) {
        expect(await access.intersect(principal, [CATALOG])).toEqual({ access: [CATALOG], refused: [] });
      }
      expect(asked).toEqual([]);
    });

    it('has one action, and no neighbours', async () => {
      const { service: access } = service({});
      const asked: Scope[] = [
        { ...CATALOG, actions: ['pull', 'push'] },
        { ...CATALOG, name: 'everything' },
      ];
      expect((await access.intersect(user(true), asked)).access).toEqual([]);
    });
  });

  it('asks for a name once, and for one name at a time', async () => {
    let [now, most] = [0, 0];
    const names: string[] = [];
    const find: AccessFactsStore['find'] = async (name) => {
      names.push(name);
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      return MAY_READ;
    };
    const access = new AccessService({ find } as AccessFactsStore);
    const asked = [on('a/b', 'pull'), on('c/d', 'pull'), on('a/b', 'push'), on('e/f', 'pull'), on('a/b', 'pull')];
    expect(await access.intersect(user(), asked)).toEqual({
      access: [on('a/b', 'pull'), on('c/d', 'pull'), on('e/f', 'pull'), on('a/b', 'pull')],
      refused: [on('a/b', 'push')],
    });
    expect([names, most]).toEqual([['a/b', 'c/d', 'e/f'], 1]);
  });

  it('looks at fifty scopes and no more', async () => {
    const { service: access, asked } = service({});
    const many = Array.from({ length: 200 }, (_, n) => on(`a/r${n}`, 'pull'));
    await access.intersect(user(), many);
    expect(asked).toHaveLength(50);
  });
});
