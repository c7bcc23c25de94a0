import { anImage, anIndex, Cosign, findCosign, requireOrSkip } from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`cosign against ${mode}`, reasonAgainst(mode) ?? findCosign().reason)(`cosign (${mode})`, () => {
  let stack: Stack;
  let cosign: Cosign;
  beforeAll(async () => {
    stack = await startStack();
    cosign = new Cosign(stack.host);
    if (stack.credentials) await cosign.login(stack.credentials.user, stack.credentials.password);
    await cosign.generateKeyPair();
  });
  afterAll(async () => {
    await cosign?.remove();
    await stack?.stop();
  });

  it('signs an image into a tag beside it and verifies it', async () => {
    const image = anImage();
    const { digest } = image.manifest;
    await stack.client().push('e2e/cosign/tagged', image, 'v1');
    expect((await cosign.verify('e2e/cosign/tagged', digest)).code).not.toBe(0);

    await cosign.sign('e2e/cosign/tagged', digest);
    const { tags } = (await stack.client().listTags('e2e/cosign/tagged')).expect(200).json<{ tags: string[] }>();
    expect(tags).toEqual([`${digest.replace(':', '-')}.sig`, 'v1']);
    const verified = await cosign.verify('e2e/cosign/tagged', digest);
    expect(verified.code).toBe(0);
    expect(verified.stdout).toContain(digest);
    await stack.client().pullAndCompare('e2e/cosign/tagged', 'v1', image);
  });

  it('signs an index', async () => {
    const index = anIndex();
    await stack.client().push('e2e/cosign/index', index, 'v1');
    await cosign.sign('e2e/cosign/index', index.manifest.digest);
    expect((await cosign.verify('e2e/cosign/index', index.manifest.digest)).code).toBe(0);
  });

  it('does not verify another image, nor one that carries the signature of another', async () => {
    const [signed, other] = [anImage(), anImage()];
    const name = 'e2e/cosign/forged';
    await stack.client().push(name, signed, 'v1');
    await stack.client().push(name, other, 'v2');
    await cosign.sign(name, signed.manifest.digest);
    expect((await cosign.verify(name, other.manifest.digest)).code).not.toBe(0);

    const signature = await stack.client().pull(name, `${signed.manifest.digest.replace(':', '-')}.sig`);
    const forged = `${other.manifest.digest.replace(':', '-')}.sig`;
    await stack.client().pushManifest(name, signature.manifest, forged);
    const refused = await cosign.verify(name, other.manifest.digest);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/no matching signatures|invalid or missing digest/i);
  });

  it('signs into a referrer and verifies it, and leaves the tags as they are', async () => {
    const image = anImage();
    const { digest } = image.manifest;
    await stack.client().push('e2e/cosign/referred', image, 'v1');
    await cosign.sign('e2e/cosign/referred', digest, 'referrers');
    const referrers = (await stack.client().referrers('e2e/cosign/referred', digest)).expect(200);
    expect(referrers.json<{ manifests: unknown[] }>().manifests).toHaveLength(1);
    expect((await stack.client().listTags('e2e/cosign/referred')).json()).toMatchObject({ tags: ['v1'] });
    expect((await cosign.verify('e2e/cosign/referred', digest, 'referrers')).code).toBe(0);
  });

  if (asksForLogin()) {
    it('is refused when it signs without a login', async () => {
      const stranger = new Cosign(stack.host);
      try {
        const image = anImage();
        await stack.client().push('e2e/cosign/stranger', image, 'v1');
        await stranger.generateKeyPair();
        await expect(stranger.sign('e2e/cosign/stranger', image.manifest.digest)).rejects.toThrow(/UNAUTHORIZED|401/i);
      } finally {
        await stranger.remove();
      }
    });
  }
});
