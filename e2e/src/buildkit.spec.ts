import { readFileSync } from 'node:fs';

import {
  Buildctl,
  digestOf,
  findBuildkitd,
  findBusybox,
  firstReason,
  MEDIA_TYPE,
  randomBlob,
  requireOrSkip,
  startBuildkitd,
  type TestBuildkitd,
} from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const reason = reasonAgainst(mode) ?? firstReason(findBuildkitd(), findBusybox());

interface IndexBody {
  mediaType: string;
  manifests: { mediaType: string; digest: string; platform?: { architecture: string } }[];
}

requireOrSkip(`BuildKit against ${mode}`, reason)(`BuildKit (${mode})`, () => {
  let stack: Stack;
  let server: TestBuildkitd;
  let buildctl: Buildctl;
  beforeAll(async () => {
    stack = await startStack();
    server = await startBuildkitd({ insecureRegistry: stack.host });
    buildctl = new Buildctl(server, stack.host, stack.credentials);
  });
  afterAll(async () => {
    await buildctl?.remove();
    await server?.stop();
    await stack?.stop();
  });

  it('builds an image and pushes it, and builds on what it pulled', async () => {
    const dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "mkdir", "/made"]\n';
    const files = { Dockerfile: dockerfile, busybox: readFileSync(findBusybox().path!) };
    const { digest } = await buildctl.build({ files, name: 'e2e/buildkit/base:v1' });
    const pushed = await stack.client().pull('e2e/buildkit/base', 'v1');
    expect(pushed.manifest.digest).toBe(digest);

    await buildctl.prune();
    const onTop = `FROM ${buildctl.reference('e2e/buildkit/base:v1')}\nCOPY data /data\n`;
    const next = { Dockerfile: onTop, data: randomBlob(300_000).bytes };
    await buildctl.build({ files: next, name: 'e2e/buildkit/next:v1' });
    const { blobs } = await stack.client().pull('e2e/buildkit/next', 'v1');
    const layersBelow = (JSON.parse(pushed.manifest.bytes.toString()) as { layers: { digest: string }[] }).layers;
    expect([...blobs.keys()]).toEqual(expect.arrayContaining(layersBelow.map((layer) => layer.digest)));
  });

  it('pushes an index of the platforms that were built', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY data /data\n', data: randomBlob(10_000).bytes };
    const platforms = ['linux/amd64', 'linux/arm64'];
    const { digest } = await buildctl.build({ files, name: 'e2e/buildkit/index:v1', platforms });
    const answer = (await stack.client().getManifest('e2e/buildkit/index', 'v1')).expect(200);
    expect(digestOf(answer.bytes)).toBe(digest);
    const { manifests } = answer.json<IndexBody>();
    expect(manifests.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    for (const child of manifests) await stack.client().pull('e2e/buildkit/index', child.digest);
  });

  describe.each([
    ['an index of blobs', 'index'],
    ['an image manifest', 'manifest'],
  ] as const)('a cache as %s', (_, form) => {
    it('is exported to the registry, and a build without a past finds every step in it', async () => {
      const dockerfile = [
        'FROM scratch AS made',
        'COPY busybox /bin/busybox',
        'RUN ["/bin/busybox", "mkdir", "/made"]',
        'FROM scratch',
        'COPY data /data',
        'COPY --from=made /made /made',
        '',
      ].join('\n');
      const busybox = readFileSync(findBusybox().path!);
      const files = { Dockerfile: dockerfile, busybox, data: randomBlob(200_000).bytes };
      const name = `e2e/buildkit/cache-${form}:latest`;
      await buildctl.prune();
      const first = await buildctl.build({ files, name: `e2e/buildkit/${form}:v1`, cacheTo: { name, form } });
      expect(first.cached).toEqual([]);

      await buildctl.prune();
      const second = await buildctl.build({ files, name: `e2e/buildkit/${form}:v2`, cacheFrom: name });
      expect(second.cached).toHaveLength(4);
      expect(second.digest).toBe(first.digest);
    });
  });

  it('lists plain blobs in the index of a cache, and the registry serves each', async () => {
    const files = { Dockerfile: 'FROM scratch\nCOPY data /data\n', data: randomBlob(5_000).bytes };
    const cacheTo = { name: 'e2e/buildkit/blobs:cache', form: 'index' } as const;
    await buildctl.build({ files, cacheTo });
    const answer = (await stack.client().getManifest('e2e/buildkit/blobs', 'cache')).expect(200);
    expect(answer.header('content-type')).toBe(MEDIA_TYPE.ociIndex);
    const { manifests } = answer.json<IndexBody>();
    expect(manifests.map(({ mediaType }) => mediaType)).toEqual([
      expect.stringContaining('layer'),
      MEDIA_TYPE.buildkitCacheConfig,
    ]);
    for (const { digest } of manifests) {
      expect(digestOf((await stack.client().getBlob('e2e/buildkit/blobs', digest)).expect(200).bytes)).toBe(digest);
    }
  });

  if (asksForLogin()) {
    it('is refused with a wrong password', async () => {
      const stranger = new Buildctl(server, stack.host, { user: 'admin', password: 'wrong' });
      try {
        const files = { Dockerfile: 'FROM scratch\nCOPY data /data\n', data: randomBlob(100).bytes };
        const build = stranger.build({ files, name: 'e2e/buildkit/stranger:v1' });
        await expect(build).rejects.toThrow(/401|unauthorized|authoriz/i);
      } finally {
        await stranger.remove();
      }
    });
  }
});
