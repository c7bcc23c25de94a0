import fc from 'fast-check';
import { formatScope, parseScope, parseScopes } from './scope.js';

describe(parseScope.name, () => {
  it.each([
    ['repository:a/b:pull', { type: 'repository', name: 'a/b', actions: ['pull'] }],
    ['repository:a/b:pull,push', { type: 'repository', name: 'a/b', actions: ['pull', 'push'] }],
    ['repository(plugin):a/b:pull', { type: 'repository', name: 'a/b', actions: ['pull'] }],
    ['repository:host:5000/a/b:pull', { type: 'repository', name: 'host:5000/a/b', actions: ['pull'] }],
    ['registry:catalog:*', { type: 'registry', name: 'catalog', actions: ['*'] }],
    ['repository:a:pull,pull', { type: 'repository', name: 'a', actions: ['pull'] }],
  ])('reads %s', (text, scope) => {
    expect(parseScope(text)).toEqual(scope);
  });

  describe('security', () => {
    it.each([
      '',
      ':',
      '::',
      'repository',
      'repository:a',
      'repository::pull',
      'repository:a:',
      'repository:a:,',
      'repository:a:pull,',
      ':a:pull',
      'Repository:a:pull',
      'repository():a:pull',
      'repository(plugin:a:pull',
      'repository:a:PULL',
      'repository:a:pull*',
      'repository:a b:pull',
      'repository:a":pull',
      'repository:a\\:pull',
      'repository:a\r\n:pull',
      'repository:a\0:pull',
      'repository:\u0430:pull',
      `repository:${'a'.repeat(513)}:pull`,
    ])('answers null for %j', (text) => {
      expect(parseScope(text)).toBeNull();
    });
  });

  it('reads back what formatScope wrote', () => {
    const scope = fc.record({
      type: fc.stringMatching(/^[a-z]{1,10}$/),
      name: fc.stringMatching(/^[a-z0-9:/._-]{1,20}$/),
      actions: fc.uniqueArray(fc.constantFrom('pull', 'push', 'delete', '*'), { minLength: 1 }),
    });
    fc.assert(fc.property(scope, (value) => expect(parseScope(formatScope(value))).toEqual(value)));
  });
});

describe(parseScopes.name, () => {
  it('takes repeated parameters and several scopes in one, in order', () => {
    const scopes = parseScopes(['repository:a:pull repository:b:push', 'registry:catalog:*']);
    expect(scopes.map(formatScope)).toEqual(['repository:a:pull', 'repository:b:push', 'registry:catalog:*']);
  });

  it('skips nonsense and empty parts', () => {
    expect(parseScopes(['', 'nonsense  repository:a:pull '])).toEqual([
      { type: 'repository', name: 'a', actions: ['pull'] },
    ]);
  });
});
