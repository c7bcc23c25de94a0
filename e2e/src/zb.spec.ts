import {
  anImage,
  basic,
  blobsOf,
  type Credentials,
  exchange,
  findZb,
  type HttpAnswer,
  randomBlob,
  requireOrSkip,
  runZb,
  whereProvided,
} from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const OPEN = 'an open registry, without a login';
const LOGIN = 'a registry with accounts, with Basic credentials on each request';
const CASES = isForeignRegistry() ? [LOGIN] : [OPEN, LOGIN];

requireOrSkip(`zb and its like against ${mode}`, reasonAgainst(mode))(`zb (${mode})`, () => {
  describe.each(CASES)('on %s', (access) => {
    let stack: Stack;
    let credentials: Credentials | undefined;
    beforeAll(async () => {
      stack = await startStack(mode, access === OPEN ? { BERTH_OPEN: 'true' } : {});
      credentials = access === OPEN ? undefined : stack.credentials;
    });
    afterAll(() => stack?.stop());

    whereProvided('zb', findZb().reason)('the tool itself', () => {
      it('ends each of its tests without a failed request', async () => {
        const tests = await runZb(stack.base, { credentials, requests: 2, concurrency: 2 });
        expect(tests.length).toBeGreaterThanOrEqual(10);
        expect(tests.filter(({ complete, failed }) => complete !== 2 || failed !== 0)).toEqual([]);
      }, 450_000);
    });

    describe('a client that talks as it does', () => {
      const name = 'zb-like/data';

      /** One request without Accept; of a Location the path only is kept. */
      function ask(
        method: string,
        path: string,
        body?: Buffer,
        type = 'application/octet-stream',
      ): Promise<HttpAnswer> {
        const headers: Record<string, string> = {
          ...(credentials && { authorization: basic(credentials) }),
          ...(body && { 'content-type': type }),
        };
        return exchange({ method, url: new URL(path, stack.base).href, headers, body });
      }

      async function startUpload(): Promise<string> {
        const answer = (await ask('POST', `/v2/${name}/blobs/uploads/`)).expect(202);
        return new URL(answer.header('location')!, stack.base).pathname;
      }

      it('pushes a blob to the path of a Location whose query it drops', async () => {
        const blob = randomBlob(1_000_000);
        const path = await startUpload();
        (await ask('PUT', `${path}?digest=${blob.digest}`, blob.bytes)).expect(201);
        const { bytes } = (await ask('GET', `/v2/${name}/blobs/${blob.digest}`)).expect(200);
        expect(bytes.equals(blob.bytes)).toBe(true);
      });

      it('pushes in chunks without Content-Range, one of them empty, all to the first Location', async () => {
        const blob = randomBlob(900_000);
        const path = await startUpload();
        (await ask('PATCH', path, Buffer.alloc(0))).expect(202);
        (await ask('PATCH', path, blob.bytes.subarray(0, 400_000))).expect(202);
        (await ask('PATCH', path, blob.bytes.subarray(400_000))).expect(202);
        (await ask('PUT', `${path}?digest=${blob.digest}`)).expect(201);
        const { bytes } = (await ask('GET', `/v2/${name}/blobs/${blob.digest}`)).expect(200);
        expect(bytes.equals(blob.bytes)).toBe(true);
      });

      it('pulls an image without saying which types it accepts, and deletes it', async () => {
        const image = anImage();
        for (const blob of blobsOf(image)) {
          (await ask('PUT', `${await startUpload()}?digest=${blob.digest}`, blob.bytes)).expect(201);
        }
        const { manifest } = image;
        (await ask('PUT', `/v2/${name}/manifests/v1`, manifest.bytes, manifest.mediaType)).expect(201);
        (await ask('HEAD', `/v2/${name}/manifests/v1`)).expect(200);
        const pulled = (await ask('GET', `/v2/${name}/manifests/v1`)).expect(200);
        expect(pulled.bytes.equals(manifest.bytes)).toBe(true);
        expect(pulled.header('content-type')).toBe(manifest.mediaType);
        for (const { digest } of blobsOf(image)) (await ask('GET', `/v2/${name}/blobs/${digest}`)).expect(200);

        (await ask('DELETE', `/v2/${name}/manifests/${manifest.digest}`)).expect(202);
        (await ask('GET', `/v2/${name}/manifests/v1`)).expect(404);
      });

      it('reads the catalog', async () => {
        const blob = randomBlob(100);
        (await ask('PUT', `${await startUpload()}?digest=${blob.digest}`, blob.bytes)).expect(201);
        const { repositories } = (await ask('GET', '/v2/_catalog')).expect(200).json<{ repositories: string[] }>();
        expect(repositories).toContain(name);
      });
    });

    if (access === LOGIN) {
      it.each(['wrong', ''])('refuses Basic credentials with the password "%s"', async (password) => {
        const authorization = basic({ user: stack.credentials?.user ?? 'admin', password });
        const url = `${stack.base}/v2/zb-like/secret/manifests/v1`;
        const answer = await exchange({ method: 'GET', url, headers: { authorization } });
        expect(answer.expect(401).codes).toEqual(['UNAUTHORIZED']);
      });
    }
  });
});
