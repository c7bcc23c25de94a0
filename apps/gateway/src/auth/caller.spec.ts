import { parseRepositoryName } from '@berth/oci';
import { ANYBODY, bearer, NOBODY } from './caller.js';

const on = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions });
const USER = { userId: 'u', credential: 'password:x' };
const named = parseRepositoryName;

describe(bearer, () => {
  it('may what its token says, of that repository only', async () => {
    const caller = bearer(USER, [on('a/b', 'pull')], []);
    expect(await caller.may('pull', named('a/b'))).toBe(true);
    expect(await caller.may('push', named('a/b'))).toBe(false);
    expect(await caller.may('delete', named('a/b'))).toBe(false);
  });

  it.each(['a/bc', 'a/b/c', 'a', 'b', 'aa/b', 'library/b', 'a/b-c'])(
    'compares whole names: a/b says nothing of %s',
    async (name) => {
      expect(await bearer(USER, [on('a/b', 'pull')], []).may('pull', named(name))).toBe(false);
      expect(await bearer(USER, [on(name, 'pull')], []).may('pull', named('a/b'))).toBe(false);
    },
  );

  it.each(['*', 'a/*', '.*', 'a/', 'A/B', '', 'a/b/'])('takes %p for no pattern', async (name) => {
    expect(await bearer(USER, [on(name, 'pull')], []).may('pull', named('a/b'))).toBe(false);
  });

  it('knows one repository under both spellings', async () => {
    expect(await bearer(USER, [on('busybox', 'pull')], []).may('pull', named('library/busybox'))).toBe(true);
    expect(await bearer(USER, [on('library/busybox', 'pull')], []).may('pull', named('busybox'))).toBe(true);
  });

  it('adds up several scopes, also of one repository', async () => {
    const caller = bearer(USER, [on('a/b', 'pull'), on('c/d', 'delete'), on('a/b', 'push')], []);
    expect(await caller.may('pull', named('a/b'))).toBe(true);
    expect(await caller.may('push', named('a/b'))).toBe(true);
    expect(await caller.may('delete', named('a/b'))).toBe(false);
    expect(await caller.may('delete', named('c/d'))).toBe(true);
    expect(await caller.may('pull', named('c/d'))).toBe(false);
  });

  it('takes no other type of scope for a repository', async () => {
    const caller = bearer(USER, [{ type: 'registry', name: 'catalog', actions: ['pull'] }], []);
    expect(await caller.may('pull', named('catalog'))).toBe(false);
  });

  it('takes no action for another: * grants nothing by itself', async () => {
    expect(await bearer(USER, [on('a/b', '*')], []).may('pull', named('a/b'))).toBe(false);
  });

  it('may list repositories with the right scope, and no other', () => {
    const catalog = { type: 'registry', name: 'catalog', actions: ['*'] };
    expect(bearer(USER, [catalog], []).mayList).toBe(true);
    for (const other of [
      { ...catalog, actions: ['pull'] },
      { ...catalog, name: 'everything' },
      { ...catalog, type: 'repository' },
    ]) {
      expect(bearer(USER, [other], []).mayList).toBe(false);
    }
    expect(bearer(USER, [], [catalog]).mayList).toBe(false);
  });

  it('knows what was refused with these credentials', async () => {
    const caller = bearer(USER, [on('a/b', 'pull')], [on('a/b', 'push')]);
    expect(await caller.wasRefused('push', named('a/b'))).toBe(true);
    expect(await caller.wasRefused('pull', named('a/b'))).toBe(false);
    expect(await caller.wasRefused('push', named('a/c'))).toBe(false);
    expect(await caller.may('push', named('a/b'))).toBe(false);
  });
});

it('is anybody with every right in open mode, and nobody with none without a token', async () => {
  for (const action of ['pull', 'push', 'delete'] as const) {
    expect(await ANYBODY.may(action, named('a/b'))).toBe(true);
    expect(await NOBODY.may(action, named('a/b'))).toBe(false);
    expect(await NOBODY.wasRefused(action, named('a/b'))).toBe(false);
  }
});
