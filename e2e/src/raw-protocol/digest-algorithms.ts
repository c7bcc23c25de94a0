import {
  aManifest,
  anImage,
  type Blob,
  blobOf,
  blobsOf,
  descriptorOf,
  digestOf,
  type Image,
  type Index,
  jsonManifest,
  MEDIA_TYPE,
  type PushForm,
  randomBlob,
} from '@berth/testing';

import type { Stack } from '../stack.js';

type Algorithm = 'sha256' | 'sha512';

const under = (algorithm: Algorithm, blob: Blob): Blob => ({ ...blob, digest: digestOf(blob.bytes, algorithm) });

/** An image all of whose digests are of one algorithm, the manifest's own included. */
function imageUnder(algorithm: Algorithm, architecture = 'amd64'): Image {
  const image = anImage({ platform: { os: 'linux', architecture } });
  const [config, ...layers] = [image.config, ...image.layers].map((blob) => under(algorithm, blob));
  return { ...image, config: config!, layers, manifest: under(algorithm, aManifest({ config, layers })) };
}

/** Spec: "Digests", "Pushing blobs", "Pushing manifests". */
export function describeDigestAlgorithms(stack: () => Stack): void {
  const client = () => stack().client();
  const FORMS: PushForm[] = ['single-post', 'post-put', 'chunked', 'stream'];

  describe.each(['sha256', 'sha512'] as const)('content under %s', (algorithm) => {
    const name = `raw/${algorithm}`;

    it.each(FORMS)('comes as a blob by %s, without saying before which algorithm it is', async (form) => {
      for (const size of [0, 1, 2_500_000]) {
        const blob = under(algorithm, randomBlob(size));
        await client().pushBlob(name, blob, form, 1_000_000);
        const got = (await client().getBlob(name, blob.digest)).expect(200);
        expect(got.bytes.equals(blob.bytes)).toBe(true);
        expect(got.header('docker-content-digest')).toBe(blob.digest);
        const head = (await client().headBlob(name, blob.digest)).expect(200);
        expect(head.header('content-length')).toBe(String(size));
      }
    });

    it.each(['sha256', 'sha512'])('comes in chunks to an upload that announced %s', async (announced) => {
      const blob = under(algorithm, randomBlob(300_000));
      const started = await client().postUpload(name, { query: { 'digest-algorithm': announced } });
      const scopes = [`repository:${name}:pull,push`];
      const [at, headers] = [started.expect(202).header('location')!, { 'content-type': 'application/octet-stream' }];
      const sent = await client().call('PATCH', at, scopes, { body: blob.bytes, headers });
      const end = sent.expect(202).header('location')!;
      const answer = await client().call('PUT', end, scopes, { query: { digest: blob.digest } });
      expect(answer.expect(201).header('docker-content-digest')).toBe(blob.digest);
      (await client().getBlob(name, blob.digest)).expect(200);
    });

    it('is refused as a blob where the bytes hash to another', async () => {
      const [blob, other] = [randomBlob(50), under(algorithm, randomBlob(50))];
      const session = await client().startUpload(name);
      (await session.patch(blob.bytes, 0)).expect(202);
      expect((await session.finish(other.digest)).expect(400).codes).toEqual(['DIGEST_INVALID']);
      expect((await client().headBlob(name, other.digest)).status).toBe(404);
    });

    it('is mounted, read in part and deleted', async () => {
      const blob = under(algorithm, randomBlob(1_000));
      await client().pushBlob(name, blob);
      (await client().mountBlob(`${name}-mounted`, blob.digest, name)).expect(201);
      const headers = { range: 'bytes=100-199' };
      const part = (await client().getBlob(`${name}-mounted`, blob.digest, { headers })).expect(206);
      expect(part.bytes.equals(blob.bytes.subarray(100, 200))).toBe(true);
      (await client().deleteBlob(name, blob.digest)).expect(202);
      expect((await client().headBlob(name, blob.digest)).status).toBe(404);
      (await client().headBlob(`${name}-mounted`, blob.digest)).expect(200);
    });

    it('is an image with config and layers, pulled by its digest, and by a tag', async () => {
      const image = imageUnder(algorithm);
      await client().push(name, image);
      await client().pullAndCompare(name, image.manifest.digest, image);
      const head = (await client().headManifest(name, image.manifest.digest)).expect(200);
      expect(head.header('docker-content-digest')).toBe(image.manifest.digest);
      expect(head.header('etag')).toBe(`"${image.manifest.digest}"`);
      // Who pushes by a tag names no algorithm: then it is sha256.
      const tagged = { ...image, manifest: under('sha256', image.manifest) };
      await client().push(name, tagged, 'v1');
      await client().pullAndCompare(name, 'v1', tagged);
      await client().pullAndCompare(name, tagged.manifest.digest, tagged);
    });

    it('is an index with its children, which they keep', async () => {
      const images = [imageUnder(algorithm, 'amd64'), imageUnder(algorithm, 'arm64')];
      const manifests = images.map(({ manifest, platform }) => ({ ...descriptorOf(manifest), platform }));
      const value = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
      const index: Index = { images, manifest: under(algorithm, jsonManifest(MEDIA_TYPE.ociIndex, value)) };
      await client().push(`${name}-index`, index);
      await client().pullAndCompare(`${name}-index`, index.manifest.digest, index);
      (await client().deleteManifest(`${name}-index`, images[0]!.manifest.digest)).expect(405);
      for (const { digest } of [index.manifest, ...images.map(({ manifest }) => manifest)]) {
        (await client().deleteManifest(`${name}-index`, digest)).expect(202);
        expect((await client().getManifest(`${name}-index`, digest)).status).toBe(404);
      }
    });

    it('has a subject, and is refused where its digest is that of other bytes', async () => {
      const image = imageUnder(algorithm);
      for (const blob of blobsOf(image)) await client().pushBlob(name, blob);
      const { config, layers } = image;
      const referrer = under(algorithm, aManifest({ config, layers, subject: image.manifest }));
      const answer = (await client().putManifest(name, referrer.digest, referrer)).expect(201);
      expect(answer.header('oci-subject')).toBe(image.manifest.digest);
      const wrong = await client().putManifest(name, image.manifest.digest, referrer);
      expect(wrong.expect(400).codes).toEqual(['DIGEST_INVALID']);
      expect((await client().getManifest(name, image.manifest.digest)).status).toBe(404);
    });
  });

  it('keeps the same bytes under both algorithms, and lets each go by itself', async () => {
    const name = 'raw/both-algorithms';
    const blob = blobOf('the same bytes');
    const [short, long] = [under('sha256', blob), under('sha512', blob)];
    await client().pushBlob(name, short);
    expect((await client().headBlob(name, long.digest)).status).toBe(404);
    await client().pushBlob(name, long, 'chunked');
    (await client().deleteBlob(name, short.digest)).expect(202);
    expect((await client().getBlob(name, long.digest)).expect(200).text).toBe('the same bytes');
  });
}
