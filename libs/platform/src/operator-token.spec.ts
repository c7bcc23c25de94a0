import { hkdfSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { claimsOperator, isOperatorToken, signOperatorToken } from './operator-token.js';

const KEY = 's'.repeat(32);
const MINUTE = 60_000;

/** A token as the key's holder could make it with other claims. */
function tokenOf({ typ = 'operator+jwt', alg = 'HS256', iat = 0, exp = 60, purpose = 'operator tokens' }) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg, typ })
    .setAudience('berth')
    .setIssuedAt(now + iat)
    .setExpirationTime(now + exp)
    .sign(new Uint8Array(hkdfSync('sha256', KEY, 'berth', purpose, 32)));
}

describe('a token of the operator', () => {
  afterEach(() => jest.useRealTimers());

  it('is good for a minute', async () => {
    const token = await signOperatorToken(KEY, 'berth');
    expect(claimsOperator(token)).toBe(true);
    expect(await isOperatorToken(KEY, 'berth', token)).toBe(true);
    const now = Date.now();
    jest.useFakeTimers({ now: now + 2 * MINUTE, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    expect(await isOperatorToken(KEY, 'berth', token)).toBe(false);
  });

  it('is none of another key or for another registry', async () => {
    const token = await signOperatorToken(KEY, 'berth');
    expect(await isOperatorToken('o'.repeat(32), 'berth', token)).toBe(false);
    expect(await isOperatorToken(KEY, 'other', token)).toBe(false);
    expect(await isOperatorToken(KEY, 'berth', `${token}x`)).toBe(false);
    expect(await isOperatorToken(KEY, 'berth', 'nothing')).toBe(false);
  });

  it.each([
    ['of another type', { typ: 'iam+jwt' }],
    ['by another algorithm', { alg: 'HS512' }],
    ['made in the future', { iat: 600, exp: 660 }],
    ['that lasts longer', { iat: -600, exp: 600 }],
    ['under a key for something else', { purpose: 'access keys' }],
  ])('is none %s', async (_what, changes) => {
    expect(await isOperatorToken(KEY, 'berth', await tokenOf({}))).toBe(true);
    expect(await isOperatorToken(KEY, 'berth', await tokenOf(changes))).toBe(false);
  });

  it('is told from others by its header alone', async () => {
    expect(claimsOperator(await tokenOf({ typ: 'iam+jwt' }))).toBe(false);
    expect(claimsOperator('nothing')).toBe(false);
  });
});
