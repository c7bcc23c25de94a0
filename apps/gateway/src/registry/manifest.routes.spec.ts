import { DELETE_MANIFEST, GET_MANIFEST, PUT_MANIFEST } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { type Digest, digestOf, DOCKER_SCHEMA1_SIGNED, parseReference, registryError } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { bearer } from '../auth/caller.js';
import { PublicUrl } from '../http/public-url.js';
import { answering } from '@berth/platform/testing';
import { TestTransport } from '../testing/gateway-under-test.js';
import { aRequest } from '../testing/recorded-reply.js';
import { ObjectReader } from '../transfer/object-reader.js';
import { ManifestCache } from './manifest-cache.js';
import { ManifestRoutes } from './manifest.routes.js';
import { PullCounts } from './pull-counts.js';
import { Schema1Images } from './schema1-images.js';

const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const one = Buffer.from('{"one":1}');
const two = Buffer.from('{"two":2}');
const tag = parseReference('v1');
const byDigest = parseReference(digestOf(one));

/** A registry whose tag v1 names what `stored` gives. */
function routes(stored: () => Buffer | null = () => one, env: Record<string, string> = {}, mediaType = TYPE) {
  const bus = new InProcessBus();
  const asked = answering(bus, GET_MANIFEST, ({ known, reference }) => {
    const payload = stored();
    if (!payload) throw registryError('MANIFEST_UNKNOWN', { reference });
    const digest = digestOf(payload);
    const sent = known.includes(digest) ? null : payload.toString('base64');
    return { digest, mediaType, size: payload.length, payload: sent };
  });
  const cache = new ManifestCache();
  const settings = loadSettings(env);
  const schema1 = new Schema1Images(bus, new ObjectReader(bus, new TestTransport()), settings);
  const pulls = new PullCounts(bus);
  const count = jest.spyOn(pulls, 'count');
  const manifests = new ManifestRoutes(bus, cache, new PublicUrl(settings), settings, schema1, pulls);
  return { routes: manifests, asked, cache, bus, schema1, count };
}

describe(ManifestRoutes, () => {
  describe('GET', () => {
    it('answers the stored bytes with type, length and digest', async () => {
      const { request, reply } = aRequest();
      await routes().routes.get(request, tag);
      expect(reply).toMatchObject({ statusCode: 200, body: one });
      expect(reply.headers).toEqual({
        'content-type': TYPE,
        'content-length': one.length,
        'docker-content-digest': digestOf(one),
        etag: `"${digestOf(one)}"`,
        vary: 'accept',
      });
    });

    it('answers schema 1 instead to a tag, with headers of its own, to HEAD as to GET', async () => {
      const { routes: manifests, schema1 } = routes();
      const digest = digestOf(two);
      const image = { digest, mediaType: DOCKER_SCHEMA1_SIGNED, size: two.length, payload: two };
      jest.spyOn(schema1, 'insteadOf').mockResolvedValue(image);
      const [get, head] = [aRequest(), aRequest({ method: 'HEAD' })];
      await manifests.get(get.request, tag);
      await manifests.get(head.request, tag);
      expect(get.reply.headers).toEqual({
        'content-type': DOCKER_SCHEMA1_SIGNED,
        'content-length': two.length,
        'docker-content-digest': digest,
        etag: `W/"${digest}"`,
        vary: 'accept',
      });
      expect(head.reply.headers).toEqual(get.reply.headers);
      expect([get.reply.body, head.reply.body]).toEqual([two, undefined]);
      const known = aRequest({ headers: { 'if-none-match': `W/"${digest}"` } });
      await manifests.get(known.request, tag);
      expect(known.reply.statusCode).toBe(304);
    });

    it('answers what is asked for by digest as it is stored', async () => {
      const { routes: manifests, schema1 } = routes();
      const asked = jest.spyOn(schema1, 'insteadOf');
      const { request, reply } = aRequest({ headers: { accept: DOCKER_SCHEMA1_SIGNED } });
      await manifests.get(request, byDigest);
      expect(reply.body).toEqual(one);
      expect(asked).not.toHaveBeenCalled();
    });

    it('says that a digest names the same bytes for ever, and a tag not', async () => {
      const [tagged, digested] = [aRequest(), aRequest()];
      const { routes: manifests } = routes();
      await manifests.get(tagged.request, tag);
      await manifests.get(digested.request, byDigest);
      expect(tagged.reply.headers['cache-control']).toBeUndefined();
      expect(digested.reply.headers['cache-control']).toContain('immutable');
    });

    it('counts a pull of an image, from memory or not', async () => {
      const { routes: manifests, count } = routes();
      for (const reference of [tag, byDigest, tag]) await manifests.get(aRequest().request, reference);
      expect(count.mock.calls).toEqual([['a/b'], ['a/b'], ['a/b']]);
    });

    it('counts an image in schema 1 for what is stored otherwise', async () => {
      const { routes: manifests, schema1, count } = routes(undefined, {}, INDEX);
      const image = { digest: digestOf(two), mediaType: DOCKER_SCHEMA1_SIGNED, size: two.length, payload: two };
      jest.spyOn(schema1, 'insteadOf').mockResolvedValue(image);
      await manifests.get(aRequest().request, tag);
      expect(count).toHaveBeenCalledTimes(1);
    });

    it('counts neither HEAD, nor 304, nor an index, nor what is not there', async () => {
      const known = { 'if-none-match': `"${digestOf(one)}"` };
      const image = routes();
      await image.routes.get(aRequest({ method: 'HEAD' }).request, tag);
      await image.routes.get(aRequest({ headers: known }).request, tag);
      const index = routes(undefined, {}, INDEX);
      await index.routes.get(aRequest().request, tag);
      const nothing = routes(() => null);
      await expect(nothing.routes.get(aRequest().request, tag)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
      for (const { count } of [image, index, nothing]) expect(count).not.toHaveBeenCalled();
    });

    it('always asks whether the repository has it now, and takes the bytes along only once', async () => {
      const { routes: manifests, asked } = routes();
      for (let n = 0; n < 3; n++) {
        const { request, reply } = aRequest();
        await manifests.get(request, tag);
        expect(reply.body).toEqual(one);
      }
      expect(asked.map(({ known }) => known)).toEqual([[], [digestOf(one)], [digestOf(one)]]);
    });

    it('serves what a moved tag names now', async () => {
      let stored = one;
      const { routes: manifests } = routes(() => stored);
      await manifests.get(aRequest().request, tag);
      stored = two;
      const { request, reply } = aRequest();
      await manifests.get(request, tag);
      expect(reply.body).toEqual(two);
      expect(reply.headers['docker-content-digest']).toBe(digestOf(two));
    });

    it('answers nothing from memory that the repository no longer has', async () => {
      let stored: Buffer | null = one;
      const { routes: manifests } = routes(() => stored);
      await manifests.get(aRequest().request, byDigest);
      stored = null;
      await expect(manifests.get(aRequest().request, byDigest)).rejects.toMatchObject({ code: 'MANIFEST_UNKNOWN' });
    });

    it('asks for the bytes again where they were evicted meanwhile', async () => {
      const { routes: manifests, cache, asked } = routes();
      await manifests.get(aRequest().request, tag);
      jest.spyOn(cache, 'get').mockReturnValue(undefined);
      const { request, reply } = aRequest();
      await manifests.get(request, tag);
      expect(reply.body).toEqual(one);
      expect(asked.at(-1)).toMatchObject({ reference: digestOf(one), known: [] });
    });

    it.each([
      ['the digest', `"${digestOf(one)}"`, 304],
      ['a weak one', `W/"${digestOf(one)}"`, 304],
      ['one of several', `"x", "${digestOf(one)}"`, 304],
      ['anything', '*', 304],
      ['another', `"${digestOf(two)}"`, 200],
      ['the digest without quotes', digestOf(one), 200],
    ])('with If-None-Match of %s', async (_what, value, status) => {
      const { request, reply } = aRequest({ headers: { 'if-none-match': value } });
      await routes().routes.get(request, tag);
      expect(reply.statusCode).toBe(status);
      expect(reply.body).toEqual(status === 304 ? undefined : one);
      expect(reply.headers.etag).toBe(`"${digestOf(one)}"`);
    });
  });

  it('answers HEAD without the bytes, and does not fetch them again', async () => {
    const { routes: manifests, asked } = routes();
    for (let n = 0; n < 2; n++) {
      const { request, reply } = aRequest({ method: 'HEAD' });
      await manifests.get(request, tag);
      expect(reply.body).toBeUndefined();
      expect(reply.headers).toMatchObject({ 'content-length': one.length, 'docker-content-digest': digestOf(one) });
    }
    expect(asked).toHaveLength(2);
  });

  describe('PUT', () => {
    const put = (env: Record<string, string> = {}, subject: Digest | null = null) => {
      const { routes: manifests, bus } = routes(() => one, env);
      return { manifests, asked: answering(bus, PUT_MANIFEST, () => ({ digest: digestOf(one), subject })) };
    };

    it('hands on the exact bytes, the type and the pusher', async () => {
      const { manifests, asked } = put();
      const identity = { userId: '7f2504e0-4f89-41d3-9a0c-0305e82c3301', credential: 'password:x' };
      const caller = bearer(identity, [], []);
      const { request, reply } = aRequest({ method: 'PUT', body: one, headers: { 'content-type': TYPE }, caller });
      await manifests.put(request, tag);
      expect(asked).toEqual([
        {
          repository: 'a/b',
          reference: 'v1',
          contentType: TYPE,
          payload: one.toString('base64'),
          userId: '7f2504e0-4f89-41d3-9a0c-0305e82c3301',
        },
      ]);
      expect(reply.statusCode).toBe(201);
      expect(reply.headers).toMatchObject({
        location: `/v2/a/b/manifests/${digestOf(one)}`,
        'docker-content-digest': digestOf(one),
      });
      expect(reply.headers).not.toHaveProperty('oci-subject');
    });

    it('repeats the spelling of the request in Location, behind the public URL', async () => {
      const { manifests, asked } = put({ BERTH_PUBLIC_URL: 'https://hub.example' });
      const { request, reply } = aRequest({ method: 'PUT', name: 'busybox', body: one });
      await manifests.put(request, tag);
      expect(reply.headers.location).toBe(`https://hub.example/v2/busybox/manifests/${digestOf(one)}`);
      expect(asked[0]).toMatchObject({ repository: 'library/busybox', contentType: '' });
      expect(asked[0]).not.toHaveProperty('userId');
    });

    it('names the subject', async () => {
      const { request, reply } = aRequest({ method: 'PUT', body: one });
      await put({}, digestOf(two)).manifests.put(request, tag);
      expect(reply.headers['oci-subject']).toBe(digestOf(two));
    });

    it('hands on the tags beside a digest, each once, and names them when they are set', async () => {
      const { manifests, asked } = put();
      const { request, reply } = aRequest({ method: 'PUT', body: one });
      for (const name of ['b', 'a', 'b', '1.0']) request.query.append('tag', name);
      await manifests.put(request, byDigest);
      expect(asked[0]).toMatchObject({ reference: digestOf(one), tags: ['b', 'a', '1.0'] });
      expect(reply.headers['oci-tag']).toBe('b, a, 1.0');
    });

    it('takes no tags beside a tag, and says so by naming none', async () => {
      const { manifests, asked } = put();
      const { request, reply } = aRequest({ method: 'PUT', body: one, query: { tag: 'other' } });
      await manifests.put(request, tag);
      expect(asked[0]).not.toHaveProperty('tags');
      expect(reply.headers).not.toHaveProperty('oci-tag');
    });

    it.each([
      ['a malformed one among them', ['a', '-b'], { code: 'MANIFEST_INVALID', status: 400 }],
      ['an empty one among them', ['a', ''], { code: 'MANIFEST_INVALID', status: 400 }],
      ['26', Array.from({ length: 26 }, (_, n) => `v${n}`), { code: 'UNSUPPORTED', status: 414 }],
    ])('refuses tags with %s, and asks nobody', async (_what, tags, error) => {
      const { manifests, asked } = put();
      const { request } = aRequest({ method: 'PUT', body: one });
      for (const name of tags) request.query.append('tag', name);
      await expect(manifests.put(request, byDigest)).rejects.toMatchObject(error);
      expect(asked).toEqual([]);
    });

    it('hands on a condition of a tag, and none of a digest', async () => {
      const headers = { 'if-match': `"${digestOf(two)}"`, 'if-none-match': '*' };
      const { manifests, asked } = put();
      await manifests.put(aRequest({ method: 'PUT', body: one, headers }).request, tag);
      await manifests.put(aRequest({ method: 'PUT', body: one, headers }).request, byDigest);
      expect(asked[0]).toMatchObject({ precondition: { ifMatch: [digestOf(two)], ifNoneMatch: ['*'] } });
      expect(asked[1]).not.toHaveProperty('precondition');
    });

    it('refuses a condition of several tags rather than ignore it, and asks nobody', async () => {
      const { manifests, asked } = put();
      for (const headers of <Record<string, string>[]>[
        { 'if-match': `"${digestOf(two)}"` },
        { 'if-none-match': '*' },
      ]) {
        const { request } = aRequest({ method: 'PUT', body: one, headers, query: { tag: 'v1' } });
        await expect(manifests.put(request, byDigest)).rejects.toMatchObject({ code: 'MANIFEST_INVALID', status: 400 });
      }
      expect(asked).toEqual([]);
    });

    it('refuses a condition that it does not understand, and asks nobody', async () => {
      const { manifests, asked } = put();
      const { request } = aRequest({ method: 'PUT', body: one, headers: { 'if-match': digestOf(two) } });
      await expect(manifests.put(request, tag)).rejects.toMatchObject({ code: 'MANIFEST_INVALID', status: 400 });
      expect(asked).toEqual([]);
    });

    it('refuses a longer one than the setting allows, and asks nobody', async () => {
      const { manifests, asked } = put({ BERTH_MAX_MANIFEST_BYTES: '1024' });
      const { request } = aRequest({ method: 'PUT', body: Buffer.alloc(1025) });
      await expect(manifests.put(request, tag)).rejects.toMatchObject({ code: 'MANIFEST_INVALID', status: 413 });
      expect(asked).toEqual([]);
    });

    it('keeps a Content-Type within what a message carries', async () => {
      const { manifests, asked } = put();
      const headers = { 'content-type': `${TYPE}; x=${'y'.repeat(5_000)}` };
      await manifests.put(aRequest({ method: 'PUT', body: one, headers }).request, tag);
      expect(asked[0]!.contentType).toHaveLength(256);
      expect(asked[0]!.contentType.startsWith(`${TYPE};`)).toBe(true);
    });
  });

  it('answers DELETE with 202', async () => {
    const { routes: manifests, bus } = routes();
    const asked = answering(bus, DELETE_MANIFEST, ({ reference }) => ({ reference }));
    const { request, reply } = aRequest({ method: 'DELETE' });
    await manifests.delete(request, byDigest);
    expect(asked).toEqual([{ repository: 'a/b', reference: digestOf(one) }]);
    expect(reply.statusCode).toBe(202);
  });

  it('hands on the condition of a DELETE', async () => {
    const { routes: manifests, bus } = routes();
    const asked = answering(bus, DELETE_MANIFEST, ({ reference }) => ({ reference }));
    const headers = { 'if-match': `"${digestOf(two)}"`, 'if-none-match': '*' };
    const precondition = { ifMatch: [digestOf(two)], ifNoneMatch: ['*'] };
    for (const reference of [tag, byDigest]) {
      await manifests.delete(aRequest({ method: 'DELETE', headers }).request, reference);
      expect(asked.at(-1)).toMatchObject({ precondition });
    }
    const malformed = aRequest({ method: 'DELETE', headers: { 'if-match': digestOf(two) } });
    await expect(manifests.delete(malformed.request, tag)).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
    expect(asked).toHaveLength(2);
  });
});
