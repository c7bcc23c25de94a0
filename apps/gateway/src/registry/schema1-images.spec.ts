import { FIND_BLOB, GET_MANIFEST, GRANT_READ } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import {
  type Digest,
  digestOf,
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  parseTag,
  registryError,
} from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { answering } from '@berth/platform/testing';
import { TestTransport } from '../testing/gateway-under-test.js';
import { aRequest } from '../testing/recorded-reply.js';
import { ObjectReader } from '../transfer/object-reader.js';
import { type ManifestAtHand, Schema1Images } from './schema1-images.js';

const TAG = parseTag('v1');
const layer = { mediaType: DOCKER_LAYER_GZIP, digest: digestOf(Buffer.from('layer')), size: 5 };
const config = Buffer.from(
  JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { diff_ids: ['x'] }, history: [{ created_by: 'ADD' }] }),
);

function anImage(bytes = config, over: object = {}) {
  const descriptor = { mediaType: DOCKER_IMAGE_CONFIG, digest: digestOf(bytes), size: bytes.length, ...over };
  return { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config: descriptor, layers: [layer] };
}

function manifestOf(value: { mediaType: string }): ManifestAtHand & { payload: Buffer } {
  const payload = Buffer.from(JSON.stringify(value));
  return { digest: digestOf(payload), mediaType: value.mediaType, size: payload.length, payload };
}

const anIndex = (...children: { manifest: ManifestAtHand; architecture: string }[]) =>
  manifestOf({
    ...{ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX },
    manifests: children.map(({ manifest: { digest, mediaType, size }, architecture }) => ({
      ...{ digest, mediaType, size },
      platform: { os: 'linux', architecture },
    })),
  } as { mediaType: string });

/** A registry that has these manifests and blobs. */
function images({
  blobs = [config],
  manifests = [],
  env = {},
}: {
  blobs?: Buffer[];
  manifests?: ManifestAtHand[];
  env?: Record<string, string>;
} = {}) {
  const bus = new InProcessBus();
  const transport = new TestTransport();
  const stored = new Map<Digest, Buffer>(blobs.map((bytes) => [digestOf(bytes), bytes]));
  for (const [digest, bytes] of stored) transport.objects.set(digest, bytes);
  const found = answering(bus, FIND_BLOB, ({ digest }) => {
    const bytes = stored.get(digest);
    if (!bytes) throw registryError('BLOB_UNKNOWN', { digest });
    return { digest, size: bytes.length, objectKey: digest };
  });
  answering(bus, GRANT_READ, ({ objectKey }) => ({ url: objectKey, expiresIn: 60 }));
  const asked = answering(bus, GET_MANIFEST, ({ reference }) => {
    const manifest = manifests.find(({ digest }) => digest === reference);
    if (!manifest) throw registryError('MANIFEST_UNKNOWN', { reference });
    return { ...manifest, payload: manifest.payload!.toString('base64') };
  });
  const service = new Schema1Images(bus, new ObjectReader(bus, transport), loadSettings(env));
  const insteadOf = (manifest: ManifestAtHand, accept?: string, name = 'busybox') => {
    const { request } = aRequest({ name, headers: accept === undefined ? {} : { accept } });
    return service.insteadOf(manifest, request, TAG);
  };
  return { insteadOf, stored, transport, found, asked };
}

const IMAGE = manifestOf(anImage());

describe(Schema1Images, () => {
  describe('answers schema 1', () => {
    it('with the digest of the payload, the length of the signed bytes and the name as it was spelled', async () => {
      const schema1 = await images().insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED);
      const { signatures, ...payload } = JSON.parse(schema1!.payload.toString()) as Record<string, unknown>;
      expect(schema1).toMatchObject({
        mediaType: DOCKER_SCHEMA1_SIGNED,
        size: schema1!.payload.length,
        digest: digestOf(Buffer.from(JSON.stringify(payload, null, 3))),
      });
      expect(payload).toMatchObject({ name: 'busybox', tag: 'v1', fsLayers: [{ blobSum: layer.digest }] });
      expect(signatures).toHaveLength(1);
    });

    it.each([
      ['', undefined, false],
      ['', '*/*', false],
      ['', 'application/json', false],
      ['', DOCKER_SCHEMA1_SIGNED, true],
      ['', DOCKER_SCHEMA1, true],
      ['', ` ${DOCKER_SCHEMA1_SIGNED.toUpperCase()} ;q=0.1`, true],
      ['', `${DOCKER_SCHEMA1_SIGNED};q=0`, false],
      ['', `${DOCKER_SCHEMA1_SIGNED}, ${DOCKER_MANIFEST}`, false],
      ['', `${DOCKER_SCHEMA1_SIGNED}, ${DOCKER_MANIFEST};q=0.1`, false],
      ['', `${DOCKER_SCHEMA1_SIGNED}, ${DOCKER_MANIFEST};q=0`, true],
      ['', `${DOCKER_SCHEMA1_SIGNED}, ${OCI_IMAGE_MANIFEST}`, true],
      ['', `${DOCKER_SCHEMA1_SIGNED}, */*;q=0.1`, false],
      ['', `${DOCKER_SCHEMA1_SIGNED}, application/*`, false],
      ['true', undefined, true],
      ['true', '*/*', true],
      ['true', 'application/json', true],
      ['true', `${DOCKER_SCHEMA1_SIGNED}, */*`, true],
      ['true', DOCKER_MANIFEST, false],
      ['true', `${DOCKER_SCHEMA1_SIGNED}, ${DOCKER_MANIFEST}`, false],
      ['true', OCI_IMAGE_MANIFEST, false],
      ['true', `${OCI_IMAGE_INDEX}, */*`, false],
    ])('with BERTH_SCHEMA1_DEFAULT=%s to Accept: %s? %s', async (schema1Default, accept, expected) => {
      const { insteadOf } = images({ env: { BERTH_SCHEMA1_DEFAULT: schema1Default } });
      expect((await insteadOf(IMAGE, accept)) !== null).toBe(expected);
    });

    it('of the image for linux/amd64 that an index has', async () => {
      const arm = manifestOf(anImage(Buffer.from('{}')));
      const index = anIndex({ manifest: arm, architecture: 'arm64' }, { manifest: IMAGE, architecture: 'amd64' });
      const { insteadOf, asked } = images({ manifests: [arm, IMAGE] });
      const schema1 = await insteadOf(index, DOCKER_SCHEMA1_SIGNED);
      expect(schema1?.digest).toBe((await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED))?.digest);
      expect(asked.map(({ reference }) => reference)).toEqual([IMAGE.digest]);
    });

    it('for a HEAD that brought no bytes along', async () => {
      const { insteadOf } = images({ manifests: [IMAGE] });
      const headed = await insteadOf({ ...IMAGE, payload: undefined }, DOCKER_SCHEMA1_SIGNED);
      expect(headed).toEqual(await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED));
    });

    it('made once for a digest, a name and a tag, with one digest wherever it is made', async () => {
      const { insteadOf, found } = images();
      const first = await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED);
      expect(await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED)).toBe(first);
      expect(found).toHaveLength(1);
      expect((await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED, 'library/busybox'))?.digest).not.toBe(first?.digest);
      const elsewhere = await images().insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED);
      expect(elsewhere).toMatchObject({ digest: first!.digest, size: first!.size });
      expect(elsewhere?.payload.equals(first!.payload)).toBe(false);
    });

    it('of a config that is too large for the cache of small objects', async () => {
      const padded = Buffer.from(JSON.stringify({ ...JSON.parse(config.toString()), padding: 'x'.repeat(200_000) }));
      const { insteadOf } = images({ blobs: [padded] });
      const schema1 = await insteadOf(manifestOf(anImage(padded)), DOCKER_SCHEMA1_SIGNED);
      expect(schema1?.size).toBeGreaterThan(200_000);
    });
  });

  describe('leaves as it is stored', () => {
    const bad = Buffer.from('{"rootfs":{"diff_ids":"no list"}}');
    it.each([
      ['an unknown type', manifestOf({ mediaType: 'application/vnd.example+json' })],
      ['an index without linux/amd64', anIndex({ manifest: IMAGE, architecture: 'arm64' })],
      ['an index of nothing', anIndex()],
      ['an image whose config is none', manifestOf(anImage(bad))],
      ['an artifact', manifestOf(anImage(config, { mediaType: 'application/vnd.oci.empty.v1+json' }))],
      ['an image whose config has another size', manifestOf(anImage(config, { size: 3 }))],
    ])('%s', async (_what, manifest) => {
      const { insteadOf, found } = images({ blobs: [config, bad], manifests: [IMAGE] });
      expect(await insteadOf(manifest, DOCKER_SCHEMA1_SIGNED)).toBeNull();
      const asked = found.length;
      expect(await insteadOf(manifest, DOCKER_SCHEMA1_SIGNED)).toBeNull();
      expect(found).toHaveLength(asked);
    });

    it('what lacks its config or its child, until that is there', async () => {
      const manifests: ManifestAtHand[] = [];
      const { insteadOf, stored, transport } = images({ blobs: [], manifests });
      const index = anIndex({ manifest: IMAGE, architecture: 'amd64' });
      expect(await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED)).toBeNull();
      expect(await insteadOf(index, DOCKER_SCHEMA1_SIGNED)).toBeNull();
      manifests.push(IMAGE);
      stored.set(digestOf(config), config);
      transport.objects.set(digestOf(config), config);
      expect(await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED)).not.toBeNull();
      expect(await insteadOf(index, DOCKER_SCHEMA1_SIGNED)).not.toBeNull();
    });
  });

  it('fails where storage is away, and remembers no failure', async () => {
    const { insteadOf, transport } = images();
    transport.failure = registryError('UNAVAILABLE');
    await expect(insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    transport.failure = null;
    expect(await insteadOf(IMAGE, DOCKER_SCHEMA1_SIGNED)).not.toBeNull();
  });
});
