import {
  anImage,
  digestOf,
  findBusybox,
  findPodman,
  firstReason,
  Podman,
  requireOrSkip,
  writeOciLayout,
} from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const ARM = { os: 'linux', architecture: 'arm64' };
const reason = reasonAgainst(mode) ?? firstReason(findPodman(), findBusybox());

requireOrSkip(`podman against ${mode}`, reason)(`podman (${mode})`, () => {
  let stack: Stack;
  let podman: Podman;
  beforeAll(async () => {
    stack = await startStack();
    podman = new Podman(stack.host);
    if (stack.credentials) await podman.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await podman?.remove();
    await stack?.stop();
  });

  it('pushes an image, pulls it back the same and runs it', async () => {
    const image = anImage({ layers: 3, layerSize: 300_000, busybox: true });
    const hexId = image.config.digest.slice('sha256:'.length);
    writeOciLayout(podman.path('layout'), image, 'v1');
    expect(await podman.load(`oci:${podman.path('layout')}:v1`)).toBe(hexId);
    await podman.tag(hexId, 'e2e/podman/app:v1');
    const digest = await podman.push('e2e/podman/app:v1');

    const { manifest, blobs } = await stack.client().pull('e2e/podman/app', 'v1');
    expect(manifest.digest).toBe(digest);
    expect(blobs.size).toBe(4);

    await podman.removeImage(hexId);
    expect(await podman.pull('e2e/podman/app:v1')).toBe(hexId);
    expect((await podman.inspect(hexId)).Digest).toBe(digest);
    const { stdout } = await podman.runContainer(hexId, '/bin/busybox', 'echo', 'hi');
    expect(stdout).toBe('hi\n');

    await podman.removeImage(hexId);
    expect(await podman.pull(`e2e/podman/app@${digest}`)).toBe(hexId);
  });

  it('pulls an image that another client pushed, with the layers that its config names', async () => {
    const image = anImage({ layers: 2 });
    await stack.client().push('e2e/podman/other', image, 'v1');
    const id = await podman.pull('e2e/podman/other:v1');
    expect(id).toBe(image.config.digest.slice('sha256:'.length));
    const { rootfs } = JSON.parse(image.config.bytes.toString()) as { rootfs: { diff_ids: string[] } };
    expect((await podman.inspect(id)).RootFS.Layers).toEqual(rootfs.diff_ids);
  });

  it('pushes an index of images that are in the registry', async () => {
    const images = [anImage(), anImage({ platform: ARM })];
    for (const [position, image] of images.entries()) {
      await stack.client().push('e2e/podman/index', image, `image${position}`);
    }
    const names = ['e2e/podman/index:image0', 'e2e/podman/index:image1'];
    const digest = await podman.pushIndex(names, 'e2e/podman/index:v1');
    const answer = (await stack.client().getManifest('e2e/podman/index', 'v1')).expect(200);
    expect(digestOf(answer.bytes)).toBe(digest);
    const { manifests } = answer.json<{ manifests: { digest: string }[] }>();
    expect(manifests.map((entry) => entry.digest)).toEqual(images.map(({ manifest }) => manifest.digest));
  });

  it('lists the tags of a repository', async () => {
    for (const tag of ['a', 'b', 'c']) await stack.client().push('e2e/podman/tags', anImage(), tag);
    expect(await podman.listTags('e2e/podman/tags')).toEqual(['a', 'b', 'c']);
  });

  it('says that an unknown image is not there', async () => {
    const result = await podman.try(['pull', '--tls-verify=false', podman.reference('e2e/podman/nothing:v1')]);
    expect(result.code).not.toBe(0);
  });
});
