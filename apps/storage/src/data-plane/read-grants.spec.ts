import { loadSettings } from '@berth/platform';
import { DataPlaneAddress } from './data-plane-address.js';
import { ReadGrants } from './read-grants.js';

const OBJECT = { objectKey: 'objects/ab/one', size: 10 };
const DENIED = expect.objectContaining({ code: 'DENIED', status: 403 }) as Error;
const START = Date.parse('2030-01-01T00:00:00Z');

function grants(env: Record<string, string> = {}) {
  const address = new DataPlaneAddress();
  address.set('http://10.0.0.7:5001');
  return new ReadGrants(loadSettings(env), address);
}
const grantOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);

beforeEach(() => jest.useFakeTimers({ now: START }));
afterEach(() => jest.useRealTimers());

describe(ReadGrants, () => {
  it('names this process and how long it lasts', () => {
    const { url, expiresIn } = grants({ BERTH_READ_GRANT_SECONDS: '60' }).issue(OBJECT);
    expect(url).toMatch(/^http:\/\/10\.0\.0\.7:5001\/data\/objects\/[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
    expect(expiresIn).toBe(60);
  });

  it('lets its holder read that object, until it expires', () => {
    const issuer = grants({ BERTH_READ_GRANT_SECONDS: '60' });
    const grant = grantOf(issuer.issue(OBJECT).url);
    expect(issuer.verify(grant)).toEqual(OBJECT);
    jest.setSystemTime(START + 60_000);
    expect(issuer.verify(grant)).toEqual(OBJECT);
    jest.setSystemTime(START + 60_001);
    expect(() => issuer.verify(grant)).toThrow(DENIED);
  });

  it('is worth nothing in another process', () => {
    expect(() => grants().verify(grantOf(grants().issue(OBJECT).url))).toThrow(DENIED);
  });

  it('is worth nothing when it was changed', () => {
    const issuer = grants();
    const [text = '', signature = ''] = grantOf(issuer.issue(OBJECT).url).split('.');
    const claims = JSON.parse(Buffer.from(text, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, objectKey: 'objects/cd/two' })).toString('base64url');
    for (const grant of [
      `${forged}.${signature}`,
      `${text}.`,
      text,
      `.${signature}`,
      '',
      '.',
      `${text}.${signature.slice(0, -1)}`,
      `${text}.${signature}=`,
      `${text}.${'A'.repeat(signature.length)}`,
      `${text}.${signature.slice(0, -2)}é`,
    ]) {
      expect(() => issuer.verify(grant)).toThrow(DENIED);
    }
  });
});
