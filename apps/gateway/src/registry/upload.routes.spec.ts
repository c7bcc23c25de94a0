import {
  AUTHORIZE,
  type AuthorizedV1,
  CANCEL_UPLOAD,
  COMMIT_UPLOAD,
  FIND_MOUNT_SOURCE,
  FIND_UPLOAD,
  GRANT_APPEND,
  START_UPLOAD,
  type StartUploadV1,
} from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { type Digest, digestOf, parseRepositoryName, registryError } from '@berth/oci';
import { loadSettings, Metrics } from '@berth/platform';
import { ANYBODY, bearer, type Caller } from '../auth/caller.js';
import { PublicUrl } from '../http/public-url.js';
import { answering } from '@berth/platform/testing';
import { aRequest, type RequestOptions } from '../testing/recorded-reply.js';
import { BlobTransport } from '../transfer/blob-transport.js';
import { ClientTransfers } from '../transfer/client-transfers.js';
import { StorageGone } from '../transfer/storage-gone.js';
import type { RegistryRequest } from './registry-request.js';
import { scopesOfMount, UploadRoutes } from './upload.routes.js';

const SESSION = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const USER = { userId: SESSION, credential: 'password:x' };
const DIGEST = digestOf(Buffer.from('x'));
const SHA512 = digestOf(Buffer.from('x'), 'sha512');

class Sink extends BlobTransport {
  readonly appended: string[] = [];
  constructor(private readonly offset: number) {
    super();
  }
  async append(url: string): Promise<{ offset: number }> {
    this.appended.push(url);
    return { offset: this.offset };
  }
  async read(): Promise<never> {
    throw new Error('nothing is read here');
  }
  async close(): Promise<void> {}
}

function routes({ offset = 10, mounted = null as Digest | null, env = {} } = {}) {
  const bus = new InProcessBus();
  const transport = new Sink(offset);
  const asked = {
    started: answering(bus, START_UPLOAD, () => (mounted ? { mounted } : { sessionId: SESSION })),
    granted: answering(bus, GRANT_APPEND, () => ({ url: 'http://storage/grant', offset: 0 })),
    committed: answering(bus, COMMIT_UPLOAD, ({ digest }) => ({ digest, size: offset })),
    cancelled: answering(bus, CANCEL_UPLOAD, ({ sessionId }) => ({ sessionId })),
  };
  const settings = loadSettings(env);
  const transfers = new ClientTransfers(new Metrics('gateway'));
  const uploads = new UploadRoutes(bus, transport, new PublicUrl(settings), settings, transfers);
  return { routes: uploads, asked, transport, bus };
}

async function started(options: RequestOptions): Promise<StartUploadV1> {
  const { routes: uploads, asked } = routes();
  await uploads.start(aRequest({ method: 'POST', ...options }).request);
  return asked.started[0]!;
}

describe(UploadRoutes, () => {
  describe('POST', () => {
    it('opens a session and says where: all state is in the path', async () => {
      const { routes: uploads, transport } = routes();
      const { request, reply } = aRequest({ method: 'POST', name: 'busybox' });
      await uploads.start(request);
      expect(reply.statusCode).toBe(202);
      expect(reply.headers).toMatchObject({
        location: `/v2/busybox/blobs/uploads/${SESSION}`,
        range: '0-0',
        'docker-upload-uuid': SESSION,
        'content-length': 0,
      });
      expect(transport.appended).toEqual([]);
    });

    it('takes a whole blob', async () => {
      const { routes: uploads, asked, transport } = routes();
      const { request, reply } = aRequest({ method: 'POST', query: { digest: DIGEST }, body: 'x' });
      await uploads.start(request);
      expect(asked.granted).toEqual([{ repository: 'a/b', sessionId: SESSION, digest: DIGEST }]);
      expect(transport.appended).toHaveLength(1);
      expect(asked.committed).toMatchObject([{ digest: DIGEST, sessionId: SESSION }]);
      expect(reply.statusCode).toBe(201);
      expect(reply.headers).toMatchObject({ location: `/v2/a/b/blobs/${DIGEST}`, 'docker-content-digest': DIGEST });
    });

    describe('of a whole blob that fails', () => {
      const attempt = async (all: ReturnType<typeof routes>) =>
        all.routes.start(aRequest({ method: 'POST', query: { digest: DIGEST }, body: 'x' }).request);

      it('ends its session at once: nobody was told where to go on', async () => {
        const all = routes();
        answering(all.bus, COMMIT_UPLOAD, () => {
          throw registryError('DIGEST_INVALID');
        });
        await expect(attempt(all)).rejects.toMatchObject({ code: 'DIGEST_INVALID', status: 400 });
        expect(all.asked.cancelled).toEqual([{ repository: 'a/b', sessionId: SESSION }]);
      });

      it('takes the object along that storage has completed', async () => {
        const all = routes();
        const completed = { claim: SESSION, objectKey: 'objects/aa/one', size: 1 };
        jest.spyOn(all.transport, 'append').mockResolvedValue({ offset: 1, completed } as { offset: number });
        answering(all.bus, COMMIT_UPLOAD, () => {
          throw registryError('DENIED');
        });
        await expect(attempt(all)).rejects.toMatchObject({ code: 'DENIED' });
        expect(all.asked.cancelled).toEqual([
          { repository: 'a/b', sessionId: SESSION, objectKey: completed.objectKey },
        ]);
      });

      it('says why it failed, also where the session cannot be ended', async () => {
        const all = routes();
        answering(all.bus, GRANT_APPEND, () => {
          throw registryError('UNAVAILABLE');
        });
        all.bus.remove(CANCEL_UPLOAD.subject);
        await expect(attempt(all)).rejects.toMatchObject({ code: 'UNAVAILABLE', detail: undefined });
      });
    });

    it('hashes with what the digest, or the announcement, says', async () => {
      expect((await started({})).algorithm).toBe('sha256');
      expect((await started({ query: { digest: SHA512 } })).algorithm).toBe('sha512');
      expect((await started({ query: { 'digest-algorithm': 'sha512' } })).algorithm).toBe('sha512');
    });

    it.each([
      ['a digest that is none', { digest: 'sha256:abc' }],
      ['an empty digest', { digest: '' }],
      ['an unknown algorithm', { 'digest-algorithm': 'md5' }],
      ['an algorithm by another name', { 'digest-algorithm': '__proto__' }],
    ])('refuses %s before anything is asked', async (_what, query) => {
      const { routes: uploads, asked } = routes();
      await expect(uploads.start(aRequest({ query: query }).request)).rejects.toMatchObject({
        code: 'DIGEST_INVALID',
        status: 400,
      });
      expect(asked.started).toEqual([]);
    });
  });

  describe('POST with mount', () => {
    const reader = bearer(USER, [{ type: 'repository', name: 'library/source', actions: ['pull'] }], []);

    it('asks to mount what the caller may pull', async () => {
      expect(await started({ query: { mount: DIGEST, from: 'source' }, caller: reader })).toMatchObject({
        mount: DIGEST,
        from: 'library/source',
        userId: SESSION,
      });
    });

    it('answers 201 where it was mounted', async () => {
      const { request, reply } = aRequest({ query: { mount: DIGEST, from: 'c/d' } });
      await routes({ mounted: DIGEST }).routes.start(request);
      expect(reply.statusCode).toBe(201);
      expect(reply.headers).toMatchObject({ location: `/v2/a/b/blobs/${DIGEST}`, 'docker-content-digest': DIGEST });
    });

    it.each([
      ['a source that the caller may not pull', { mount: DIGEST, from: 'secret/source' }, reader],
      ['a source that is only pushed to', { mount: DIGEST, from: 'c/d' }, bearer({ ...USER, userId: 'u' }, [], [])],
      ['no source, while auth is away', { mount: DIGEST }, ANYBODY],
      ['a source that is no name', { mount: DIGEST, from: '../etc' }, ANYBODY],
      ['a digest that is none', { mount: 'latest', from: 'c/d' }, ANYBODY],
    ])('tells nothing of %s: it opens a session', async (_what, query, caller) => {
      const { routes: uploads, asked } = routes();
      const { request, reply } = aRequest({ query: query, caller });
      await uploads.start(request);
      expect(reply.statusCode).toBe(202);
      expect(asked.started[0]).not.toHaveProperty('mount');
      expect(asked.started[0]).not.toHaveProperty('from');
    });
  });

  describe('POST with mount from what the token does not name', () => {
    const scopes = [{ type: 'repository', name: 'c/d', actions: ['pull'] }];
    const start = async (caller: Caller, answer: () => AuthorizedV1) => {
      const { routes: uploads, asked, bus } = routes();
      const authorized = answering(bus, AUTHORIZE, answer);
      await uploads.start(aRequest({ query: { mount: DIGEST, from: 'c/d' }, caller }).request);
      return { authorized, mount: asked.started[0]!.from };
    };

    it('asks auth whether the user may pull it', async () => {
      const user = bearer(USER, [], []);
      const allowed = await start(user, () => ({ access: scopes, refused: [] }));
      expect(allowed).toEqual({ authorized: [{ identity: USER, scopes }], mount: 'c/d' });
      expect((await start(user, () => ({ access: [], refused: scopes }))).mount).toBeUndefined();
    });

    it('asks nothing where that was refused, or nobody is there to ask for', async () => {
      for (const caller of [bearer(USER, [], scopes), bearer(undefined, [], [])]) {
        const { authorized, mount } = await start(caller, () => ({ access: scopes, refused: [] }));
        expect([authorized, mount]).toEqual([[], undefined]);
      }
    });

    it.each(['UNAUTHORIZED', 'UNAVAILABLE'] as const)('opens a session where auth says %s', async (code) => {
      const failing = start(bearer(USER, [], []), () => {
        throw registryError(code);
      });
      expect((await failing).mount).toBeUndefined();
    });

    it.each(['UNAUTHORIZED', 'UNAVAILABLE'] as const)(
      'opens one where asking a password’s user says %s',
      async (code) => {
        const may = async () => Promise.reject(registryError(code));
        const user: Caller = { ...bearer(USER, [], []), may, wasRefused: may };
        expect(await start(user, () => ({ access: scopes, refused: [] }))).toEqual({
          authorized: [],
          mount: undefined,
        });
      },
    );
  });

  describe('POST with mount and no from', () => {
    const mounted = async (caller: Caller, source: string | null) => {
      const { routes: uploads, asked, bus } = routes();
      const sources = answering(bus, FIND_MOUNT_SOURCE, () => ({
        repository: source === null ? null : parseRepositoryName(source),
      }));
      await uploads.start(aRequest({ query: { mount: DIGEST }, caller }).request);
      return { sources, started: asked.started[0]! };
    };

    it('mounts from any repository that the caller may pull, whatever the token names', async () => {
      const { sources, started: asked } = await mounted(bearer(USER, [], []), 'c/d');
      expect(sources).toEqual([{ digest: DIGEST, userId: SESSION }]);
      expect(asked).toMatchObject({ mount: DIGEST, from: 'c/d' });
    });

    it('asks for anonymous as for nobody, and in open mode for everything', async () => {
      expect((await mounted(bearer(undefined, [], []), null)).sources).toEqual([{ digest: DIGEST }]);
      expect((await mounted(ANYBODY, null)).sources).toEqual([{ digest: DIGEST, everything: true }]);
    });

    it('opens a session where there is none', async () => {
      expect((await mounted(ANYBODY, null)).started).toEqual({ repository: 'a/b', algorithm: 'sha256' });
    });

    it('asks nothing for what is no digest', async () => {
      const { routes: uploads, bus, asked } = routes();
      const sources = answering(bus, FIND_MOUNT_SOURCE, () => ({ repository: null }));
      await uploads.start(aRequest({ query: { mount: 'latest' } }).request);
      expect(sources).toEqual([]);
      expect(asked.started).toHaveLength(1);
    });
  });

  describe(scopesOfMount, () => {
    it.each([
      ['mount and from', { mount: DIGEST, from: 'c/d' }, [{ type: 'repository', name: 'c/d', actions: ['pull'] }]],
      ['no from', { mount: DIGEST }, []],
      ['no mount', { from: 'c/d' }, []],
      ['a from that would end the header', { mount: DIGEST, from: 'c/d",error="x' }, []],
      ['a from that is two scopes', { mount: DIGEST, from: 'c/d:pull repository:e/f' }, []],
    ])('with %s', (_what, query, scopes) => {
      expect(scopesOfMount(new URLSearchParams(query as Record<string, string>))).toEqual(scopes);
    });
  });

  it('names the session by repository and owner in every question, and by the end of a token that is over', async () => {
    const key = { repository: 'a/b', sessionId: SESSION, ownerId: 'u-1', startedBy: 1_700_000_000 };
    const caller = bearer({ ...USER, userId: 'u-1' }, [{ type: 'repository', name: 'a/b', actions: ['push'] }], [], {
      startedBy: key.startedBy,
    });
    const { routes: uploads, asked, bus } = routes();
    const found = answering(bus, FIND_UPLOAD, () => ({ offset: 1 }));
    const cancelled = answering(bus, CANCEL_UPLOAD, ({ sessionId }) => ({ sessionId }));
    const headers = { 'content-length': '1' };
    await uploads.status(aRequest({ caller }).request, SESSION);
    await uploads.patch(aRequest({ caller, headers, body: 'x' }).request, SESSION);
    await uploads.complete(aRequest({ caller, headers, body: 'x', query: { digest: DIGEST } }).request, SESSION);
    await uploads.cancel(aRequest({ caller }).request, SESSION);
    expect([...found, ...cancelled]).toEqual([key, key]);
    expect(asked.granted).toEqual([key, { ...key, digest: DIGEST }]);
    const { ownerId: userId, ...session } = key;
    expect(asked.committed).toEqual([{ ...session, userId, digest: DIGEST }]);
  });

  describe('PATCH', () => {
    const patch = async (headers: Record<string, string>) => {
      const all = routes();
      const { request, reply } = aRequest({ method: 'PATCH', headers, body: '0123456789' });
      const failure: unknown = await all.routes.patch(request, SESSION).then(
        () => null,
        (error: unknown) => error,
      );
      return { ...all, reply, failure };
    };

    it('says where the chunk starts, and answers how far it came', async () => {
      const { asked, reply } = await patch({ 'content-range': '0-9', 'content-length': '10' });
      expect(asked.granted).toEqual([{ repository: 'a/b', sessionId: SESSION, start: 0, length: 10 }]);
      expect(reply.statusCode).toBe(202);
      expect(reply.headers).toMatchObject({ range: '0-9', location: `/v2/a/b/blobs/uploads/${SESSION}` });
    });

    it('goes on where the session stands without Content-Range', async () => {
      const { asked } = await patch({});
      expect(asked.granted[0]).not.toHaveProperty('start');
      expect(asked.granted[0]).not.toHaveProperty('length');
    });

    it.each(['bytes 0-9/*', 'bytes=0-9', '0-', '-9', '9-0', 'x', '0-99999999999999999999'])(
      'refuses the Content-Range %p with 416 before a byte is sent',
      async (range) => {
        const { failure, transport, asked } = await patch({ 'content-range': range });
        expect(failure).toMatchObject({ code: 'BLOB_UPLOAD_INVALID', status: 416 });
        expect([transport.appended, asked.granted]).toEqual([[], []]);
      },
    );

    it.each(['9', '11', '0'])('refuses ten bytes with a Content-Length of %s, and sends nothing', async (length) => {
      const { failure, transport, asked } = await patch({ 'content-range': '0-9', 'content-length': length });
      expect(failure).toMatchObject({ code: 'SIZE_INVALID', status: 400 });
      expect([transport.appended, asked.granted]).toEqual([[], []]);
    });
  });

  describe('where BERTH_MAX_BLOB_BYTES is ten', () => {
    const small = () => routes({ env: { BERTH_MAX_BLOB_BYTES: '10' } });
    const TOO_LARGE = { code: 'SIZE_INVALID', status: 413, detail: { limit: 10 } };
    const length = (bytes: number) => ({ 'content-length': String(bytes) });
    const range = (text: string) => ({ 'content-range': text });
    type Upload = (uploads: UploadRoutes, request: RegistryRequest) => Promise<void>;

    it.each<[string, Record<string, string>, Upload]>([
      ['POST of eleven bytes', length(11), (uploads, request) => uploads.start(request)],
      ['PATCH of eleven bytes', length(11), (uploads, request) => uploads.patch(request, SESSION)],
      ['PUT of eleven bytes', length(11), (uploads, request) => uploads.complete(request, SESSION)],
      ['PATCH of the eleventh byte', range('10-10'), (uploads, request) => uploads.patch(request, SESSION)],
      ['PUT of the eleventh byte', range('10-10'), (uploads, request) => uploads.complete(request, SESSION)],
    ])('refuses a %s before anything is asked or read', async (_what, headers, upload) => {
      const { routes: uploads, asked, transport } = small();
      const body = 'x'.repeat(Number(headers['content-length'] ?? 1));
      const all = { ...length(body.length), ...headers };
      const { request } = aRequest({ query: { digest: DIGEST }, headers: all, body });
      await expect(upload(uploads, request)).rejects.toMatchObject(TOO_LARGE);
      expect([asked.started, asked.granted, transport.appended]).toEqual([[], [], []]);
    });

    it('takes ten', async () => {
      const { routes: uploads, transport } = small();
      const headers = { ...length(10), ...range('0-9') };
      await uploads.patch(aRequest({ headers, body: '0123456789' }).request, SESSION);
      expect(transport.appended).toHaveLength(1);
    });
  });

  describe('PUT', () => {
    it('commits what was sent before', async () => {
      const { routes: uploads, asked, transport } = routes();
      const { request, reply } = aRequest({
        method: 'PUT',
        query: { digest: DIGEST },
        headers: { 'content-length': '0' },
      });
      await uploads.complete(request, SESSION);
      expect(transport.appended).toEqual([]);
      expect(asked.committed).toEqual([{ repository: 'a/b', sessionId: SESSION, digest: DIGEST }]);
      expect(reply.statusCode).toBe(201);
    });

    describe('without a byte, but with a Content-Range', () => {
      const complete = async (range: string, headers: Record<string, string>) => {
        const all = routes();
        const found = answering(all.bus, FIND_UPLOAD, () => ({ offset: 10 }));
        const { request } = aRequest({
          method: 'PUT',
          query: { digest: DIGEST },
          headers: { 'content-range': range, ...headers },
        });
        const failure: unknown = await all.routes.complete(request, SESSION).then(
          () => null,
          (error: unknown) => error,
        );
        return { ...all, found, failure };
      };

      it.each<[string, Record<string, string>, object]>([
        ['9-9', {}, { code: 'BLOB_UPLOAD_INVALID', status: 416 }],
        ['500-500', { 'content-length': '0' }, { code: 'BLOB_UPLOAD_INVALID', status: 416 }],
        ['500-600', { 'content-length': '0' }, { code: 'SIZE_INVALID', status: 400 }],
        ['10-20', {}, { code: 'SIZE_INVALID', status: 400 }],
        ['bytes 10-10', {}, { code: 'BLOB_UPLOAD_INVALID', status: 416 }],
      ])('of %s commits nothing (%j)', async (range, headers, error) => {
        const { failure, asked, transport } = await complete(range, headers);
        expect(failure).toMatchObject(error);
        expect([asked.committed, asked.granted, transport.appended]).toEqual([[], [], []]);
      });

      it('that names the next byte, as regclient did, commits', async () => {
        const { failure, asked, found } = await complete('10-10', { 'content-length': '0' });
        expect(failure).toBeNull();
        expect(found).toEqual([{ repository: 'a/b', sessionId: SESSION }]);
        expect(asked.committed).toHaveLength(1);
      });
    });

    it.each<Record<string, string>>([{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }])(
      'appends a last chunk first: %p',
      async (headers) => {
        const { routes: uploads, asked } = routes();
        await uploads.complete(aRequest({ query: { digest: DIGEST }, headers, body: 'x' }).request, SESSION);
        expect(asked.granted).toMatchObject([{ digest: DIGEST }]);
        expect(asked.committed).toHaveLength(1);
      },
    );

    it('asks another storage process where the one of the grant is gone before it had a byte', async () => {
      const all = routes();
      jest.spyOn(all.transport, 'append').mockRejectedValueOnce(new StorageGone('killed'));
      const { request } = aRequest({ query: { digest: DIGEST }, headers: { 'content-length': '1' }, body: 'x' });
      await all.routes.complete(request, SESSION);
      expect(all.asked.granted).toHaveLength(2);
      expect(all.asked.committed).toHaveLength(1);
    });

    it('asks nobody else where bytes are lost: the client is told, and knows where to go on', async () => {
      const all = routes();
      jest.spyOn(all.transport, 'append').mockRejectedValueOnce(registryError('UNAVAILABLE'));
      const { request } = aRequest({ query: { digest: DIGEST }, headers: { 'content-length': '1' }, body: 'x' });
      await expect(all.routes.complete(request, SESSION)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(all.asked.granted).toHaveLength(1);
    });

    it('commits nothing where the last chunk was refused', async () => {
      const { routes: uploads, asked, bus } = routes();
      answering(bus, GRANT_APPEND, () => {
        throw registryError('BLOB_UPLOAD_INVALID', undefined, { status: 416 });
      });
      const headers = { 'content-range': '5-5', 'content-length': '1' };
      const { request } = aRequest({ query: { digest: DIGEST }, headers, body: 'x' });
      await expect(uploads.complete(request, SESSION)).rejects.toMatchObject({ status: 416 });
      expect(asked.committed).toEqual([]);
    });

    it.each([
      ['', 'none'],
      [`digest=${DIGEST}&digest=${DIGEST}`, 'two'],
    ])('needs one digest before it takes a byte, of "%s" has it %s', async (query) => {
      const { routes: uploads, transport } = routes();
      const { request } = aRequest({ method: 'PUT', headers: { 'content-length': '1' }, body: 'x' });
      request.query = new URLSearchParams(query);
      await expect(uploads.complete(request, SESSION)).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
      expect(transport.appended).toEqual([]);
    });
  });
});
