import {
  aManifest,
  anImage,
  anIndex,
  type Blob,
  blobOf,
  digestOf,
  Docker,
  dockerClients,
  findBusybox,
  findDockerd,
  findProgram,
  firstReason,
  type HttpAnswer,
  type Image,
  MEDIA_TYPE,
  RegistryClient,
  requireOrSkip,
  startDockerd,
  startDockerRegistry,
  type TestDockerd,
  type TestDockerRegistry,
} from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

interface Schema1 {
  name: string;
  tag: string;
  architecture: string;
  fsLayers: { blobSum: string }[];
  history: { v1Compatibility: string }[];
}

const SIGNED = MEDIA_TYPE.dockerSchema1Signed;
const ASKS = { headers: { accept: SIGNED } };
const mode = modeOfThisRun();
const client20 = dockerClients()[0]!;

/** The same image with a step in its history that changed no file. */
function withEmptyStep(image: Image): Image {
  const known = JSON.parse(image.config.bytes.toString()) as { history: object[] };
  const [first, ...rest] = known.history;
  const empty = { created: '2026-01-01T00:00:00Z', created_by: 'ENV A=b', empty_layer: true };
  const config = blobOf(JSON.stringify({ ...known, history: [first, empty, ...rest] }), image.config.mediaType);
  const { layers, manifest } = image;
  return { ...image, config, manifest: aManifest({ config, layers, mediaType: manifest.mediaType }) };
}

const diffIds = (image: Image) => image.tars.map((tar) => digestOf(tar));

requireOrSkip(`schema 1 against ${mode}`, reasonAgainst(mode) ?? findProgram('docker-registry').reason)(
  `an image in schema 1 (${mode})`,
  () => {
    let stack: Stack;
    let peer: TestDockerRegistry;
    let client: RegistryClient;
    let atPeer: RegistryClient;
    beforeAll(async () => {
      stack = await startStack();
      peer = await startDockerRegistry({ schema1: true });
      client = stack.client();
      atPeer = new RegistryClient(`http://${peer.host}`);
    });
    afterAll(async () => {
      await peer?.stop();
      await stack?.stop();
    });

    /** Takes the manifest and all blobs that it names from Berth to Debian's registry, which verifies the signature. */
    async function carryOver(name: string): Promise<HttpAnswer> {
      const answer = (await client.getManifest(name, 'v1', ASKS)).expect(200);
      for (const { blobSum } of answer.json<Schema1>().fsLayers) {
        const { bytes } = (await client.getBlob(name, blobSum)).expect(200);
        await atPeer.pushBlob(name, blobOf(bytes));
      }
      const manifest: Blob = { mediaType: SIGNED, digest: '', size: answer.bytes.length, bytes: answer.bytes };
      const stored = (await atPeer.putManifest(name, 'v1', manifest)).expect(201);
      expect(stored.header('docker-content-digest')).toBe(answer.header('docker-content-digest'));
      return answer;
    }

    it.each(['docker', 'oci'] as const)(
      "of the %s format is taken by Debian's registry, under the digest that Berth names",
      async (format) => {
        const image = withEmptyStep(anImage({ layers: 3, format }));
        const name = `schema1/${format}`;
        await client.push(name, image, 'v1');
        const answer = await carryOver(name);
        expect(answer.header('content-type')).toBe(SIGNED);
        expect(answer.json<Schema1>()).toMatchObject({ name, tag: 'v1', architecture: image.platform.architecture });
      },
    );

    it("is what Debian's registry makes of the same image", async () => {
      const image = withEmptyStep(anImage({ layers: 2, format: 'docker', config: { Cmd: ['/bin/sh', '-c', '<&>'] } }));
      const name = 'schema1/same';
      await client.push(name, image, 'v1');
      await atPeer.push(name, image, 'v1');
      const [ours, theirs] = await Promise.all(
        [client, atPeer].map(async (registry) => (await registry.getManifest(name, 'v1', ASKS)).expect(200)),
      );
      const read = (answer: HttpAnswer) => {
        const { history, fsLayers, architecture, tag } = answer.json<Schema1>();
        return {
          history: history.map((entry): unknown => JSON.parse(entry.v1Compatibility)),
          fsLayers,
          architecture,
          tag,
        };
      };
      const made = read(ours!);
      // The id of the newest step is of the config's bytes, as they were pushed.
      expect(made).toEqual(read(theirs!));
      expect(made.fsLayers).toHaveLength(3);
    });

    it('is answered to HEAD with the headers of the GET, and never by digest', async () => {
      const image = anImage({ format: 'docker' });
      await client.push('schema1/head', image, 'v1');
      const get = (await client.getManifest('schema1/head', 'v1', ASKS)).expect(200);
      const head = (await client.headManifest('schema1/head', 'v1', ASKS)).expect(200);
      for (const name of ['content-type', 'content-length', 'docker-content-digest', 'etag', 'vary']) {
        expect([name, head.header(name)]).toEqual([name, get.header(name)]);
      }
      expect(get.header('content-length')).toBe(String(get.bytes.length));
      const headers = { ...ASKS.headers, 'if-none-match': get.header('etag')! };
      (await client.getManifest('schema1/head', 'v1', { headers })).expect(304);
      const byDigest = (await client.getManifest('schema1/head', image.manifest.digest, ASKS)).expect(200);
      expect(byDigest.bytes.equals(image.manifest.bytes)).toBe(true);
      (await client.getManifest('schema1/head', get.header('docker-content-digest')!)).expect(404);
    });

    it('is that of linux/amd64 where the tag names an index, and the index where there is none', async () => {
      const [arm, amd] = ['arm64', 'amd64'].map((architecture) => anImage({ platform: { os: 'linux', architecture } }));
      await client.push('schema1/index', anIndex([arm!, amd!]), 'v1');
      const manifest = (await client.getManifest('schema1/index', 'v1', ASKS)).expect(200).json<Schema1>();
      expect(manifest.architecture).toBe('amd64');
      expect(manifest.fsLayers.map(({ blobSum }) => blobSum)).toEqual(
        amd!.layers.map(({ digest }) => digest).reverse(),
      );
      const only = anIndex([arm!]);
      await client.push('schema1/index', only, 'arm');
      const stored = (await client.getManifest('schema1/index', 'arm', ASKS)).expect(200);
      expect(stored.bytes.equals(only.manifest.bytes)).toBe(true);
      expect(stored.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
    });

    it.each([
      ['no JSON', 'config'],
      ['nothing', ''],
      ['an empty object', '{}'],
      ['100,000 levels deep', `{"rootfs":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
      ['a million steps', `{"rootfs":{"diff_ids":["a"]},"history":[${'{},'.repeat(999_999)}{}]}`],
      ['two steps for one layer', '{"rootfs":{"diff_ids":["a"]},"history":[{},{}]}'],
      ['all in __proto__', '{"__proto__":{"rootfs":{"diff_ids":["a"]},"history":[{}]}}'],
      ['of wrong types', '{"rootfs":{"diff_ids":["a"]},"history":[{"created_by":{"a":1}}],"architecture":[]}'],
      ['larger than 4 MiB', `{"rootfs":{"diff_ids":["a"]},"a":"${'x'.repeat(4 * 1024 * 1024)}"}`],
    ])('is not made of a config that is %s: the stored image is answered', async (_what, bytes) => {
      const image = anImage({ layers: 1, format: 'docker' });
      const config = blobOf(bytes, MEDIA_TYPE.dockerConfig);
      const manifest = aManifest({ config, layers: image.layers, mediaType: MEDIA_TYPE.dockerManifest });
      await client.push('schema1/bad', { ...image, config, manifest }, 'v1');
      const answer = (await client.getManifest('schema1/bad', 'v1', ASKS)).expect(200);
      expect(answer.bytes.equals(manifest.bytes)).toBe(true);
      expect(answer.header('content-type')).toBe(MEDIA_TYPE.dockerManifest);
    });

    it('is refused as a push, and says why', async () => {
      await client.push('schema1/push', anImage(), 'v1');
      const { bytes } = (await client.getManifest('schema1/push', 'v1', ASKS)).expect(200);
      const manifest = { mediaType: SIGNED, digest: digestOf(bytes), size: bytes.length, bytes };
      const answer = (await client.putManifest('schema1/push', 'v2', manifest)).expect(400);
      expect(answer.codes).toEqual(['MANIFEST_INVALID']);
      expect(answer.text).toContain('schema 1 are not accepted');
    });

    it('needs an empty layer that GET has everywhere and HEAD nowhere', async () => {
      const image = anImage();
      await client.push('schema1/empty', image, 'v1');
      const digest = 'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4';
      const whole = (await client.getBlob('schema1/empty', digest)).expect(200);
      expect(digestOf(whole.bytes)).toBe(digest);
      const part = (await client.getBlob('schema1/empty', digest, { headers: { range: 'bytes=2-' } })).expect(206);
      expect(part.bytes.equals(whole.bytes.subarray(2))).toBe(true);
      expect((await client.headBlob('schema1/empty', digest)).status).toBe(404);
    });

    requireOrSkip(client20.name, firstReason(findDockerd(), findBusybox(), client20.found))(
      "and Debian's engine",
      () => {
        let engine: TestDockerd;
        let docker: Docker;
        beforeAll(async () => {
          engine = await startDockerd({ insecureRegistry: peer.host });
          docker = new Docker(engine, client20.found.path!, peer.host);
        });
        afterAll(() => engine?.stop());

        it.each(['docker', 'oci'] as const)('pulls and runs what was an image of the %s format', async (format) => {
          const image = withEmptyStep(anImage({ layers: 2, busybox: true, format }));
          const name = `schema1/run-${format}`;
          await client.push(name, image, 'v1');
          const answer = await carryOver(name);
          expect(await docker.pull(`${name}:v1`)).toBe(answer.header('docker-content-digest'));
          expect((await docker.inspect(`${name}:v1`)).RootFS.Layers).toEqual(diffIds(image));
          expect(await docker.runContainer(`${name}:v1`, '/bin/busybox', 'echo', 'hi')).toBe('hi\n');
        });

        it('pulls and runs the image of an index', async () => {
          const image = withEmptyStep(anImage({ busybox: true, platform: { os: 'linux', architecture: 'amd64' } }));
          await client.push(
            'schema1/run-index',
            anIndex([anImage({ platform: { os: 'linux', architecture: 's390x' } }), image]),
            'v1',
          );
          await carryOver('schema1/run-index');
          await docker.pull('schema1/run-index:v1');
          expect((await docker.inspect('schema1/run-index:v1')).RootFS.Layers).toEqual(diffIds(image));
        });
      },
    );
  },
);

requireOrSkip(`schema 1 by default against ${mode}`, reasonAgainst(mode))(`schema 1 by default (${mode})`, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack(mode, { BERTH_SCHEMA1_DEFAULT: 'true' });
  });
  afterAll(() => stack?.stop());

  it('is what curl gets, and not who names a newer type', async () => {
    const image = anImage({ format: 'docker' });
    const client = stack.client();
    await client.push('schema1/default', image, 'v1');
    const typeFor = async (accept: string) =>
      (await client.getManifest('schema1/default', 'v1', { headers: { accept } })).expect(200).header('content-type');
    const without = await client.call('GET', '/v2/schema1/default/manifests/v1', ['repository:schema1/default:pull']);
    expect(without.expect(200).header('content-type')).toBe(SIGNED);
    expect(await typeFor('*/*')).toBe(SIGNED);
    expect(await typeFor(MEDIA_TYPE.dockerManifest)).toBe(MEDIA_TYPE.dockerManifest);
    expect(await typeFor(MEDIA_TYPE.ociManifest)).toBe(MEDIA_TYPE.dockerManifest);
    await client.pullAndCompare('schema1/default', image.manifest.digest, image);
  });
});
