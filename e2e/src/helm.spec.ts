import { readFileSync } from 'node:fs';

import { digestOf, findHelm, Helm, requireOrSkip } from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`helm against ${mode}`, reasonAgainst(mode) ?? findHelm().reason)(`helm (${mode})`, () => {
  let stack: Stack;
  let helm: Helm;
  beforeAll(async () => {
    stack = await startStack();
    helm = new Helm(stack.host);
    if (stack.credentials) await helm.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await helm?.remove();
    await stack?.stop();
  });

  it('pushes a chart and pulls it back byte for byte', async () => {
    const archive = await helm.package({ name: 'tiny', version: '1.0.0', description: 'A chart of one map' });
    const digest = await helm.push(archive, 'e2e/helm');
    const { manifest, blobs } = await stack.client().pull('e2e/helm/tiny', '1.0.0');
    expect(manifest.digest).toBe(digest);
    expect([...blobs.keys()]).toContain(digestOf(readFileSync(archive)));

    expect(await helm.pull('e2e/helm/tiny', '1.0.0')).toEqual(new Map([['tiny-1.0.0.tgz', readFileSync(archive)]]));
    expect(await helm.showChart('e2e/helm/tiny', '1.0.0')).toContain('description: A chart of one map');
  });

  it('finds the highest version of a range among the tags', async () => {
    for (const version of ['1.2.0', '1.10.0', '2.0.0']) {
      await helm.push(await helm.package({ name: 'ranged', version }), 'e2e/helm');
    }
    expect([...(await helm.pull('e2e/helm/ranged', '^1.0')).keys()]).toEqual(['ranged-1.10.0.tgz']);
  });

  it('keeps a version whose number has a plus sign, which no tag may have', async () => {
    await helm.push(await helm.package({ name: 'built', version: '1.0.0+build.1' }), 'e2e/helm');
    expect((await stack.client().listTags('e2e/helm/built')).json()).toMatchObject({ tags: ['1.0.0_build.1'] });
    expect([...(await helm.pull('e2e/helm/built', '1.0.0+build.1')).keys()]).toEqual(['built-1.0.0+build.1.tgz']);
  });

  it('says that an unknown chart is not there', async () => {
    await expect(helm.showChart('e2e/helm/nothing', '1.0.0')).rejects.toThrow(/not found/);
  });

  if (asksForLogin()) {
    it('is refused with a wrong password, and after a logout', async () => {
      const stranger = new Helm(stack.host);
      try {
        await expect(stranger.login('admin', 'wrong')).rejects.toThrow(/unauthorized|401/i);
        await stranger.login(stack.credentials!.user, stack.credentials!.password);
        await stranger.logout();
        const archive = await stranger.package({ name: 'stranger', version: '1.0.0' });
        await expect(stranger.push(archive, 'e2e/helm')).rejects.toThrow(/unauthorized|401|denied/i);
      } finally {
        await stranger.remove();
      }
    });
  }
});
