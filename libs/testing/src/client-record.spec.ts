import { commandOf } from './client-record.js';

describe(commandOf.name, () => {
  it.each([
    ['push', ['push', '127.0.0.1:5000/app:v1']],
    ['registry login', ['registry', 'login', '-u', 'admin']],
    ['tag', ['tag', '127.0.0.1:5000/app:v1', 'v2']],
    ['tag', ['tag', '3f1c', '127.0.0.1:5000/app:v1']],
    ['tag delete', ['tag', 'delete', '127.0.0.1:5000/app:v1']],
    ['from', ['from', 'scratch']],
  ])('gives %s', (command, args) => {
    expect(commandOf(args)).toBe(command);
  });
});
