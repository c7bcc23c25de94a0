import { aManifest, anImage, EMPTY_CONFIG, jsonManifest, MEDIA_TYPE, randomBlob } from '@berth/testing';

import type { Stack } from '../stack.js';

/** Spec: "Determining Support" and the headers of answers, with what Docker's own clients look for. */
export function describeHeaders(stack: () => Stack): void {
  const client = () => stack().client();

  describe('GET /v2/', () => {
    it('says that this is a V2 registry', async () => {
      const answer = (await client().ping()).expect(200);
      expect(answer.header('docker-distribution-api-version')).toBe('registry/2.0');
      expect(answer.header('content-type')).toMatch(/^application\/json/);
      expect(answer.json()).toEqual({});
    });
  });

  it('no answer has a Warning, not even one that refuses', async () => {
    const answers = [
      await client().ping(),
      await client().getManifest('raw/headers-warning', 'v1'),
      await client()
        .startUpload('raw/headers-warning')
        .then((session) => session.status()),
      await client().postUpload('-raw'),
    ];
    expect(answers.map((answer) => answer.header('warning'))).toEqual(answers.map(() => undefined));
  });

  describe('headers of content', () => {
    const name = 'raw/headers';
    const image = anImage();
    const { digest } = image.manifest;
    const layer = image.layers[0]!;
    beforeAll(() => client().push(name, image, 'v1'));

    it('name content by its digest, so that it can be kept and asked for again', async () => {
      for (const answer of [await client().getManifest(name, digest), await client().getBlob(name, layer.digest)]) {
        answer.expect(200);
        expect(answer.header('etag')).toBe(`"${answer.header('docker-content-digest')}"`);
        expect(answer.header('cache-control')).toMatch(/^max-age=\d+, immutable$/);
      }
      const tagged = (await client().getManifest(name, 'v1')).expect(200);
      expect(tagged.header('etag')).toBe(`"${digest}"`);
      expect(tagged.header('cache-control') ?? '').not.toContain('immutable');
    });

    it.each([(etag: string) => etag, (etag: string) => `W/${etag}`, (etag: string) => `"other", ${etag}`, () => '*'])(
      'answer 304 to who has it (%#)',
      async (known) => {
        const cases = [
          [`manifests/v1`, digest],
          [`manifests/${digest}`, digest],
          [`blobs/${layer.digest}`, layer.digest],
        ] as const;
        for (const [path, entity] of cases) {
          const headers = { 'if-none-match': known(`"${entity}"`) };
          const answer = (await client().inRepository('GET', name, path, { headers })).expect(304);
          expect(answer.bytes).toHaveLength(0);
          expect(answer.header('etag')).toBe(`"${entity}"`);
        }
      },
    );

    it('answer 200 to who has something else', async () => {
      const headers = { 'if-none-match': `"${randomBlob(1).digest}"` };
      (await client().getManifest(name, 'v1', { headers })).expect(200);
      (await client().getBlob(name, layer.digest, { headers })).expect(200);
    });

    it('have the type without the parameters that it was pushed with', async () => {
      const manifest = aManifest({ annotations: { which: randomBlob(4).digest } });
      await client().pushBlob(name, EMPTY_CONFIG);
      const headers = { 'content-type': `${manifest.mediaType}; charset=utf-8` };
      (await client().putManifest(name, 'parameters', manifest, { headers })).expect(201);
      const got = (await client().getManifest(name, 'parameters')).expect(200);
      expect(got.header('content-type')).toBe(manifest.mediaType);
    });

    it('have the pushed type where the manifest does not say one', async () => {
      const { mediaType: _dropped, ...rest } = JSON.parse(aManifest().bytes.toString()) as Record<string, unknown>;
      await client().pushBlob(name, EMPTY_CONFIG);
      await client().pushManifest(name, jsonManifest(MEDIA_TYPE.ociManifest, rest), 'untyped');
      const got = (await client().getManifest(name, 'untyped')).expect(200);
      expect(got.header('content-type')).toBe(MEDIA_TYPE.ociManifest);
    });

    it.each(['application/x-www-form-urlencoded', 'application/json', 'application/octet-stream', 'text/plain'])(
      'have the type that the manifest says where it was pushed as %s, and that its fields tell where it says none',
      async (unspecific) => {
        const repository = `raw/headers-of-${unspecific.replaceAll('/', '-')}`;
        const [docker, layers] = [anImage({ format: 'docker' }), [randomBlob(9)]];
        for (const blob of [docker.config, ...docker.layers, EMPTY_CONFIG, ...layers]) {
          await client().pushBlob(repository, blob);
        }
        const { mediaType: _dropped, ...rest } = JSON.parse(aManifest({ layers }).bytes.toString()) as object & {
          mediaType: string;
        };
        const untyped = jsonManifest(MEDIA_TYPE.ociManifest, rest);
        for (const manifest of [docker.manifest, untyped]) {
          const headers = { 'content-type': unspecific };
          (await client().putManifest(repository, 'v1', manifest, { headers })).expect(201);
          const got = (await client().getManifest(repository, 'v1')).expect(200);
          expect(got.header('content-type')).toBe(manifest.mediaType);
        }
        (await client().deleteBlob(repository, layers[0]!.digest)).expect(405);
        const neither = jsonManifest(unspecific, { schemaVersion: 2 });
        expect((await client().putManifest(repository, 'v2', neither)).expect(400).codes).toEqual(['MANIFEST_INVALID']);
      },
    );

    it('have the type of the last push of the same bytes, and the referrers too', async () => {
      await client().pushBlob(name, EMPTY_CONFIG);
      const subject = randomBlob(9);
      const { mediaType: _dropped, ...rest } = JSON.parse(aManifest().bytes.toString()) as Record<string, unknown>;
      const body = { ...rest, subject: { mediaType: MEDIA_TYPE.ociManifest, digest: subject.digest, size: 9 } };
      const opaque = jsonManifest('application/vnd.example+json', body);
      const image = { ...opaque, mediaType: MEDIA_TYPE.ociManifest };
      for (const [manifest, listed] of [
        [opaque, []],
        [image, [opaque.digest]],
        [opaque, []],
      ] as const) {
        await client().pushManifest(name, manifest, 'retyped');
        const got = (await client().getManifest(name, 'retyped')).expect(200);
        expect(got.header('content-type')).toBe(manifest.mediaType);
        const referrers = (await client().referrers(name, subject.digest)).expect(200);
        const { manifests } = referrers.json<{ manifests: { digest: string }[] }>();
        expect(manifests.map(({ digest }) => digest)).toEqual(listed);
      }
    });

    it('of an upload name its session, and where it goes on', async () => {
      const session = await client().startUpload(name);
      for (const answer of [await session.patch(Buffer.from('12345'), 0), await session.status()]) {
        answer.expect(202, 204);
        expect(answer.header('range')).toBe('0-4');
        const id = answer.header('docker-upload-uuid');
        expect(id).toMatch(/^[0-9a-f-]{36}$/);
        expect(new URL(answer.header('location')!, stack().base).pathname).toContain(id);
      }
    });

    it('of a refusal say what is wrong in JSON, and of a HEAD have no body', async () => {
      const get = (await client().getBlob(name, randomBlob(1).digest)).expect(404);
      expect(get.header('content-type')).toMatch(/^application\/json/);
      const [error] = get.json<{ errors: { code: string; message: string; detail: unknown }[] }>().errors;
      expect(error).toEqual({ code: 'BLOB_UNKNOWN', message: expect.any(String), detail: expect.anything() });
      const head = (await client().headBlob(name, randomBlob(1).digest)).expect(404);
      expect(head.bytes).toHaveLength(0);
    });

    it('are the same with the query parameter of a proxy, which is ignored', async () => {
      const answer = await client().getManifest(name, 'v1', { query: { ns: 'docker.io' } });
      expect(answer.expect(200).header('docker-content-digest')).toBe(digest);
      expect(answer.header('oci-namespace')).toBeUndefined();
    });
  });
}
