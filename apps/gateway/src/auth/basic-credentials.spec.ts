import { RegistryError } from '@berth/oci';
import { basicCredentials } from './basic-credentials.js';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe(basicCredentials, () => {
  it('are none without a header', () => {
    expect(basicCredentials(undefined)).toBeNull();
  });

  it.each([
    ['ann:secret', 'ann', 'secret'],
    ['ann:a:b:c', 'ann', 'a:b:c'],
    ['ann:', 'ann', ''],
    ['ann: with spaces ', 'ann', ' with spaces '],
    ['änn:pässwörd€', 'änn', 'pässwörd€'],
    ['project@AK:key', 'project@AK', 'key'],
  ])('of %p', (text, username, password) => {
    expect(basicCredentials(basic(text))).toEqual({ username, password });
  });

  it('do not mind the case of the scheme, several spaces, or the URL alphabet', () => {
    expect(basicCredentials(`bAsIc   ${Buffer.from('a:b').toString('base64')}`)).toEqual({
      username: 'a',
      password: 'b',
    });
    expect(basicCredentials(`Basic ${Buffer.from('a:???>>>').toString('base64url')}`)).toMatchObject({ username: 'a' });
  });

  it.each([
    ['another scheme', 'Bearer abc'],
    ['no credentials', 'Basic'],
    ['an empty header', ''],
    ['what is no base64', 'Basic a:b!'],
    ['a second word', `${basic('a:b')} x`],
    ['no colon', basic('ann')],
    ['no name', basic(':secret')],
    ['NUL in the name', basic('an\0n:secret')],
    ['NUL in the password', basic('ann:sec\0ret')],
    ['a line feed', basic('ann\n:secret')],
    ['a name of 257 characters', basic(`${'a'.repeat(257)}:secret`)],
    ['a password of 4097 characters', basic(`ann:${'a'.repeat(4097)}`)],
  ])('are refused where there is %s', (_what, header) => {
    expect(() => basicCredentials(header)).toThrow(RegistryError);
    expect(() => basicCredentials(header)).toThrow(
      expect.objectContaining({ code: 'UNAUTHORIZED', status: 401 }) as Error,
    );
  });

  it('may be as long as auth takes them', () => {
    const [username, password] = ['a'.repeat(256), 'b'.repeat(4096)];
    expect(basicCredentials(basic(`${username}:${password}`))).toEqual({ username, password });
  });
});
