import {
  allContent,
  anImage,
  anIndex,
  Ctr,
  digestOf,
  findContainerd,
  requireOrSkip,
  startContainerd,
  type TestContainerd,
} from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`containerd against ${mode}`, reasonAgainst(mode) ?? findContainerd().reason)(
  `containerd (${mode})`,
  () => {
    let stack: Stack;
    let server: TestContainerd;
    let ctr: Ctr;
    beforeAll(async () => {
      stack = await startStack();
      server = await startContainerd();
      ctr = new Ctr(server, stack.host, stack.credentials);
    });
    afterAll(async () => {
      await ctr?.remove();
      await server?.stop();
      await stack?.stop();
    });

    it('pushes an image and pulls it back, by tag and by digest', async () => {
      const image = anImage({ layers: 4, layerSize: 500_000 });
      await ctr.load(image, 'e2e/ctr/app:v1');
      await ctr.push('e2e/ctr/app:v1');
      await stack.client().pullAndCompare('e2e/ctr/app', 'v1', image);

      await ctr.removeImage('e2e/ctr/app:v1');
      const { digest } = image.manifest;
      for (const name of ['e2e/ctr/app:v1', `e2e/ctr/app@${digest}`]) {
        await ctr.pull(name);
        expect(await ctr.digest(name)).toBe(digest);
        for (const blob of allContent(image)) expect(digestOf(await ctr.content(blob.digest))).toBe(blob.digest);
        await ctr.removeImage(name);
      }
    });

    it('pushes an index with all its images and pulls them all back', async () => {
      const index = anIndex();
      await ctr.load(index, 'e2e/ctr/index:v1');
      await ctr.push('e2e/ctr/index:v1');
      await stack.client().pullAndCompare('e2e/ctr/index', 'v1', index);

      await ctr.removeImage('e2e/ctr/index:v1');
      await ctr.pull('e2e/ctr/index:v1', { all: true });
      expect(await ctr.digest('e2e/ctr/index:v1')).toBe(index.manifest.digest);
      for (const blob of allContent(index)) expect(digestOf(await ctr.content(blob.digest))).toBe(blob.digest);
    });

    it('pushes what it pulled to another repository', async () => {
      const image = anImage({ layers: 3, format: 'docker' });
      await stack.client().push('e2e/ctr/source', image, 'v1');
      await ctr.pull('e2e/ctr/source:v1');
      await ctr.tag('e2e/ctr/source:v1', 'e2e/ctr/target:v2');
      await ctr.push('e2e/ctr/target:v2');
      await stack.client().pullAndCompare('e2e/ctr/target', 'v2', image);
    });

    it('says that an unknown image is not there', async () => {
      await expect(ctr.pull('e2e/ctr/nothing:v1')).rejects.toThrow(/not found/);
    });

    if (asksForLogin()) {
      it('is refused with a wrong password', async () => {
        const stranger = new Ctr(server, stack.host, { user: 'admin', password: 'wrong' });
        try {
          await stranger.load(anImage(), 'e2e/ctr/stranger:v1');
          await expect(stranger.push('e2e/ctr/stranger:v1')).rejects.toThrow(/401|unauthorized|authoriz/i);
        } finally {
          await stranger.remove();
        }
      });
    }
  },
);
