import { FIND_BLOB, PRESIGN_READ } from '@berth/contracts';
import { digestOf, registryError } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { exchange } from '@berth/testing';
import { GatewayModule } from '../gateway.module.js';
import { type GatewayUnderTest, startGateway } from '../testing/gateway-under-test.js';

jest.setTimeout(60_000);

const blob = Buffer.alloc(100_000, 'b');
const blobDigest = digestOf(blob);

describe(`${GatewayModule.name} where redirects are allowed`, () => {
  const url = 'https://blobs.example/objects/one?signature=secret';
  let redirecting: GatewayUnderTest;
  beforeAll(async () => {
    redirecting = await startGateway({
      BERTH_OPEN: 'true',
      BERTH_REDIRECT: 'true',
      BERTH_REDIRECT_MIN_BYTES: String(blob.length),
    });
    answering(redirecting.bus, PRESIGN_READ, () => ({ url, expiresIn: 60 }));
  });
  afterAll(() => redirecting.stop());
  beforeEach(() => {
    redirecting.transport.objects.set('objects/one', blob);
    answering(redirecting.bus, FIND_BLOB, () => ({
      digest: blobDigest,
      size: blob.length,
      objectKey: 'objects/one',
    }));
  });
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    exchange({ method, url: `${redirecting.address}/v2/a/b/blobs/${blobDigest}`, headers });

  it.each<Record<string, string>>([{}, { range: 'bytes=10-19' }])('a blob is at the store, %j', async (headers) => {
    const answer = (await get(headers)).expect(307);
    expect(answer.header('location')).toBe(url);
    expect(answer.header('docker-content-digest')).toBe(blobDigest);
    expect(answer.header('etag')).toBe(`"${blobDigest}"`);
    expect(answer.header('content-length')).toBe('0');
    expect(answer.header('cache-control')).toBe('no-store');
    expect(answer.header('content-range')).toBeUndefined();
  });

  it('the whole is answered here where If-Range drops a range that the store would serve', async () => {
    (await get({ range: 'bytes=10-19', 'if-range': '"other"' })).expect(200);
    (await get({ range: 'bytes=10-19', 'if-range': `"${blobDigest}"` })).expect(307);
  });

  it('HEAD is answered here, with the length and the digest of the blob', async () => {
    const answer = (await get({}, 'HEAD')).expect(200);
    expect(answer.header('content-length')).toBe(String(blob.length));
    expect(answer.header('docker-content-digest')).toBe(blobDigest);
  });

  it('304, 416 and 404 are answered here', async () => {
    (await get({ 'if-none-match': `"${blobDigest}"` })).expect(304);
    (await get({ range: `bytes=${blob.length}-` })).expect(416);
    answering(redirecting.bus, FIND_BLOB, () => {
      throw registryError('BLOB_UNKNOWN');
    });
    (await get()).expect(404);
  });

  it('a smaller blob is served here, the whole and a part', async () => {
    const small = { digest: blobDigest, size: blob.length - 1, objectKey: 'objects/one' };
    answering(redirecting.bus, FIND_BLOB, () => small);
    (await get()).expect(200);
    expect((await get({ range: 'bytes=10-19' })).expect(206).bytes).toHaveLength(10);
  });
});
