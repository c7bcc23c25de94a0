import { anImage, findBusybox, findPodman, firstReason, Podman, requireOrSkip, writeOciLayout } from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
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

  it('says that an unknown image is not there', async () => {
    const result = await podman.try(['pull', '--tls-verify=false', podman.reference('e2e/podman/nothing:v1')]);
    expect(result.code).not.toBe(0);
  });
});
