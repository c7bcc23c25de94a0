import { parseRepositoryName } from '@berth/oci';
import { ANYBODY, bearer, NOBODY } from './caller.js';

const on = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions });
const named = parseRepositoryName;

describe(bearer, () => {
  it('may what its token says, of that repository only', () => {
    const caller = bearer('u', [on('a/b', 'pull')], []);
    expect(caller.may('pull', named('a/b'))).toBe(true);
    expect(caller.may('push', named('a/b'))).toBe(false);
    expect(caller.may('delete', named('a/b'))).toBe(false);
  });

  it.each(['a/bc', 'a/b/c', 'a', 'b', 'aa/b', 'library/b', 'a/b-c'])(
    'compares whole names: a/b says nothing of %s',
    (name) => {
      expect(bearer('u', [on('a/b', 'pull')], []).may('pull', named(name))).toBe(false);
      expect(bearer('u', [on(name, 'pull')], []).may('pull', named('a/b'))).toBe(false);
    },
  );

  it.each(['*', 'a/*', '.*', 'a/', 'A/B', '', 'a/b/'])('takes %p for no pattern', (name) => {
    expect(bearer('u', [on(name, 'pull')], []).may('pull', named('a/b'))).toBe(false);
  });

  it('knows one repository under both spellings', () => {
    expect(bearer('u', [on('busybox', 'pull')], []).may('pull', named('library/busybox'))).toBe(true);
    expect(bearer('u', [on('library/busybox', 'pull')], []).may('pull', named('busybox'))).toBe(true);
  });

  it('adds up several scopes, also of one repository', () => {
    const caller = bearer('u', [on('a/b', 'pull'), on('c/d', 'delete'), on('a/b', 'push')], []);
    expect(caller.may('pull', named('a/b'))).toBe(true);
    expect(caller.may('push', named('a/b'))).toBe(true);
    expect(caller.may('delete', named('a/b'))).toBe(false);
    expect(caller.may('delete', named('c/d'))).toBe(true);
    expect(caller.may('pull', named('c/d'))).toBe(false);
  });

  it('takes no other type of scope for a repository', () => {
    const caller = bearer('u', [{ type: 'registry', name: 'catalog', actions: ['pull'] }], []);
    expect(caller.may('pull', named('catalog'))).toBe(false);
  });

  it('takes no action for another: * grants nothing by itself', () => {
    expect(bearer('u', [on('a/b', '*')], []).may('pull', named('a/b'))).toBe(false);
  });

  it('knows what was refused with these credentials', () => {
    const caller = bearer('u', [on('a/b', 'pull')], [on('a/b', 'push')]);
    expect(caller.wasRefused('push', named('a/b'))).toBe(true);
    expect(caller.wasRefused('pull', named('a/b'))).toBe(false);
    expect(caller.wasRefused('push', named('a/c'))).toBe(false);
    expect(caller.may('push', named('a/b'))).toBe(false);
  });
});

it('is anybody with every right in open mode, and nobody with none without a token', () => {
  for (const action of ['pull', 'push', 'delete'] as const) {
    expect(ANYBODY.may(action, named('a/b'))).toBe(true);
    expect(NOBODY.may(action, named('a/b'))).toBe(false);
    expect(NOBODY.wasRefused(action, named('a/b'))).toBe(false);
  }
});
