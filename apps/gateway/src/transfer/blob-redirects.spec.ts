import type { IncomingMessage } from 'node:http';
import { PRESIGN_READ } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { digestOf } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { answering } from '@berth/platform/testing';
import { BlobRedirects } from './blob-redirects.js';

const MIB = 2 ** 20;
const blob = { digest: digestOf(Buffer.from('x')), size: MIB, objectKey: 'objects/aa/one' };
const by = (client?: string) =>
  ({ headers: client === undefined ? {} : { 'user-agent': client } }) as unknown as IncomingMessage;

function redirects(env: Record<string, string> = {}, url: string | null = 'https://blobs.example/one') {
  const bus = new InProcessBus();
  let given = 0;
  const asked = answering(bus, PRESIGN_READ, () => ({ url: url && `${url}?${++given}`, expiresIn: 900 }));
  return { redirects: new BlobRedirects(bus, loadSettings({ BERTH_REDIRECT: 'true', ...env })), asked, bus };
}

const START = Date.parse('2030-01-01T00:00:00Z');
beforeEach(() =>
  jest.useFakeTimers({ doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask'], now: START }),
);
afterEach(() => jest.useRealTimers());

describe(BlobRedirects, () => {
  it('are off by default, and then nobody is asked', async () => {
    const { redirects: off, asked } = redirects({ BERTH_REDIRECT: '' });
    expect(await off.urlFor(by(), blob)).toBeNull();
    expect(asked).toEqual([]);
  });

  it('are of blobs that are large enough', async () => {
    const { redirects: on, asked } = redirects();
    expect(await on.urlFor(by(), { ...blob, size: MIB - 1 })).toBeNull();
    expect(asked).toEqual([]);
    expect(await on.urlFor(by(), blob)).toBe('https://blobs.example/one?1');
    expect(asked).toEqual([{ objectKey: blob.objectKey }]);
    const { redirects: all } = redirects({ BERTH_REDIRECT_MIN_BYTES: '0' });
    expect(await all.urlFor(by(), { ...blob, size: 0 })).not.toBeNull();
  });

  it.each([
    ['curl/8.5.0', false],
    ['Docker-Client/28.1 (linux)', false],
    ['docker/28.1 go/1.24', true],
    ['my curl/8', true],
    ['', true],
    [undefined, true],
  ])('are for %p: %p, where curl/ and docker-client are excepted', async (client, redirected) => {
    const { redirects: some } = redirects({ BERTH_REDIRECT_EXCEPT: 'Curl/, docker-client' });
    expect((await some.urlFor(by(client), blob)) !== null).toBe(redirected);
  });

  it('give a URL out again for half of its life', async () => {
    const { redirects: on, asked } = redirects();
    const first = await on.urlFor(by(), blob);
    jest.setSystemTime(START + 449_000);
    expect(await on.urlFor(by(), blob)).toBe(first);
    expect(asked).toHaveLength(1);
    jest.setSystemTime(START + 451_000);
    expect(await on.urlFor(by(), blob)).not.toBe(first);
    expect(await on.urlFor(by(), { ...blob, objectKey: 'objects/bb/two' })).toBe('https://blobs.example/one?3');
  });

  it('are none where the store has no URLs', async () => {
    const { redirects: on } = redirects({}, null);
    expect(await on.urlFor(by(), blob)).toBeNull();
  });

  it('are UNAVAILABLE where nobody answers', async () => {
    const { redirects: on, bus } = redirects();
    bus.remove(PRESIGN_READ.subject);
    await expect(on.urlFor(by(), blob)).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 });
  });
});
