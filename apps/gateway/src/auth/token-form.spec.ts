import { RegistryError } from '@berth/oci';
import { parseTokenForm } from './token-form.js';

const PASSWORD = { grant_type: 'password', service: 'berth', client_id: 'docker', username: 'ann', password: 'secret' };
const REFRESH = { grant_type: 'refresh_token', service: 'berth', client_id: 'docker', refresh_token: 'a.b.c' };
const form = (fields: object) => new URLSearchParams(fields as Record<string, string>).toString();
const without = (fields: object, name: string) =>
  form(Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name)));

function refusal(body: string): RegistryError {
  try {
    parseTokenForm(body);
  } catch (error) {
    return error as RegistryError;
  }
  throw new Error('it was taken');
}

describe(parseTokenForm, () => {
  it('reads a password, and a wish for a refresh token', () => {
    expect(parseTokenForm(form(PASSWORD))).toEqual({ username: 'ann', password: 'secret', scopes: [] });
    expect(parseTokenForm(form({ ...PASSWORD, access_type: 'offline' }))).toMatchObject({ offline: true });
    expect(parseTokenForm(form({ ...PASSWORD, access_type: 'online' }))).not.toHaveProperty('offline');
  });

  it('reads a refresh token', () => {
    expect(parseTokenForm(form(REFRESH))).toEqual({ refreshToken: 'a.b.c', scopes: [] });
  });

  it('reads scopes separated by spaces, as Docker sends them, and repeated, as skopeo does', () => {
    const scopes = [
      { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
      { type: 'registry', name: 'catalog', actions: ['*'] },
    ];
    expect(parseTokenForm(form({ ...REFRESH, scope: 'repository:a/b:pull,push registry:catalog:*' }))).toMatchObject({
      scopes,
    });
    const repeated = `${form(REFRESH)}&scope=repository:a/b:pull,push&scope=registry:catalog:*`;
    expect(parseTokenForm(repeated)).toMatchObject({ scopes });
  });

  it('takes any service, a password with every sign that a form can carry, and fields that it does not know', () => {
    const taken = parseTokenForm(form({ ...PASSWORD, service: '', password: ' ä&=+%:€ ', more: 'x' }));
    expect(taken).toMatchObject({ password: ' ä&=+%:€ ' });
  });

  it.each(['grant_type', 'service', 'client_id', 'username', 'password'])('refuses a form without %s', (name) => {
    expect(refusal(without(PASSWORD, name))).toMatchObject({
      status: 400,
      message: `${name} is missing`,
      detail: { error: 'invalid_request' },
    });
  });

  it('refuses a refresh without its token, and an empty client_id', () => {
    expect(refusal(without(REFRESH, 'refresh_token'))).toMatchObject({
      status: 400,
      message: 'refresh_token is missing',
    });
    expect(refusal(form({ ...REFRESH, client_id: '' }))).toMatchObject({ status: 400 });
  });

  it.each(['', 'authorization_code', 'PASSWORD', 'client_credentials', '__proto__'])(
    'refuses the grant %p',
    (grant_type) => {
      expect(refusal(form({ ...PASSWORD, grant_type }))).toMatchObject({
        status: 400,
        detail: { error: 'unsupported_grant_type' },
      });
    },
  );

  it.each(['grant_type', 'client_id', 'username', 'password'])('refuses %s twice: which one would count', (name) => {
    expect(refusal(`${form(PASSWORD)}&${name}=x`)).toMatchObject({ status: 400, message: `${name} is given twice` });
  });

  it.each([
    ['access_type=offline&access_type=online'],
    ['access_type=online&access_type=offline'],
    ['access_type=offline&access_type=offline'],
  ])('refuses %s, which it could do without', (twice) => {
    const message = 'access_type is given twice';
    expect(refusal(`${form(PASSWORD)}&${twice}`)).toMatchObject({ status: 400, message });
  });

  it.each([
    ['no name', { ...PASSWORD, username: '' }],
    ['NUL in the name', { ...PASSWORD, username: 'a\0b' }],
    ['NUL in the password', { ...PASSWORD, password: 'a\0b' }],
    ['a name of 257 characters', { ...PASSWORD, username: 'a'.repeat(257) }],
    ['a password of 4097 characters', { ...PASSWORD, password: 'a'.repeat(4097) }],
    ['a refresh token of 4097 characters', { ...REFRESH, refresh_token: 'a'.repeat(4097) }],
  ])('says 401 for %s: nobody has that', (_what, fields) => {
    expect(refusal(form(fields))).toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
  });
});
