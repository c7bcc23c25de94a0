import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { anImage, Buildah, digestOf, findBuildah, randomBlob, requireOrSkip } from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const ARM = { os: 'linux', architecture: 'arm64' };

requireOrSkip(`buildah against ${mode}`, reasonAgainst(mode) ?? findBuildah().reason)(`buildah (${mode})`, () => {
  let stack: Stack;
  let buildah: Buildah;
  beforeAll(async () => {
    stack = await startStack();
    buildah = new Buildah(stack.host);
    if (stack.credentials) await buildah.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await buildah?.remove();
    await stack?.stop();
  });

  it('pushes an index of images that are in the registry', async () => {
    const images = [anImage(), anImage({ platform: ARM })];
    for (const [position, image] of images.entries()) {
      await stack.client().push('e2e/buildah/index', image, `image${position}`);
    }
    const names = ['e2e/buildah/index:image0', 'e2e/buildah/index:image1'];
    const digest = await buildah.pushIndex(names, 'e2e/buildah/index:v1');
    const answer = (await stack.client().getManifest('e2e/buildah/index', 'v1')).expect(200);
    expect(digestOf(answer.bytes)).toBe(digest);
    const { manifests } = answer.json<{ manifests: { digest: string }[] }>();
    expect(manifests.map((entry) => entry.digest)).toEqual(images.map(({ manifest }) => manifest.digest));
  });

  it('builds an image from scratch, pushes it, and builds on what it pulled back', async () => {
    const first = randomBlob(400_000).bytes;
    writeFileSync(buildah.path('first'), first);
    const scratch = await buildah.from('scratch');
    await buildah.add(scratch, buildah.path('first'), '/first');
    const id = await buildah.commit(scratch, 'e2e/buildah/base:v1');
    const digest = await buildah.push('e2e/buildah/base:v1');
    await buildah.removeAllImages();
    expect((await stack.client().headManifest('e2e/buildah/base', 'v1')).header('docker-content-digest')).toBe(digest);

    expect(await buildah.pull('e2e/buildah/base:v1')).toBe(id);
    const next = await buildah.from(buildah.reference('e2e/buildah/base:v1'));
    expect(readFileSync(join(await buildah.mount(next), 'first'))).toEqual(first);
    writeFileSync(buildah.path('second'), 'second');
    await buildah.add(next, buildah.path('second'), '/second');
    await buildah.commit(next, 'e2e/buildah/next:v1');
    await buildah.push('e2e/buildah/next:v1');
    const { blobs } = await stack.client().pull('e2e/buildah/next', 'v1');
    expect(blobs.size).toBe(3);
  });
});
