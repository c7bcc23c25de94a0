import { writeFileSync } from 'node:fs';

import {
  allContent,
  anImage,
  anIndex,
  Crane,
  digestOf,
  findCrane,
  readOciLayout,
  requireOrSkip,
  tarArchive,
  writeOciLayout,
} from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`crane against ${mode}`, reasonAgainst(mode) ?? findCrane().reason)(`crane (${mode})`, () => {
  let stack: Stack;
  let crane: Crane;
  beforeAll(async () => {
    stack = await startStack();
    crane = new Crane(stack.host);
    if (stack.credentials) await crane.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await crane?.remove();
    await stack?.stop();
  });

  it('pushes an image and pulls it back byte for byte', async () => {
    const image = anImage({ layers: 4, layerSize: 500_000 });
    writeOciLayout(crane.path('in'), image);
    expect(await crane.push(crane.path('in'), 'e2e/crane/app:v1')).toBe(image.manifest.digest);
    await crane.validate('e2e/crane/app:v1');
    expect(await crane.manifest('e2e/crane/app:v1')).toEqual(image.manifest.bytes);

    await crane.pull('e2e/crane/app:v1', crane.path('out'));
    const { digests } = readOciLayout(crane.path('out'));
    expect(digests).toEqual(new Set(allContent(image).map(({ digest }) => digest)));
  });

  it('pushes an index with all its images', async () => {
    const index = anIndex();
    writeOciLayout(crane.path('index'), index);
    expect(await crane.push(crane.path('index'), 'e2e/crane/index:v1')).toBe(index.manifest.digest);
    await stack.client().pullAndCompare('e2e/crane/index', 'v1', index);
  });

  it('copies an image to another repository, mounting its blobs', async () => {
    const image = anImage({ layers: 2, layerSize: 200_000 });
    await stack.client().push('e2e/crane/source', image, 'v1');
    await crane.copy('e2e/crane/source:v1', 'e2e/crane/copy:v2');
    await stack.client().pullAndCompare('e2e/crane/copy', 'v2', image);
  });

  it('makes an image with another layer, one with a label, and an index of both', async () => {
    const image = anImage();
    await stack.client().push('e2e/crane/made', image, 'base');
    writeFileSync(crane.path('more.tar'), tarArchive([{ path: 'more', content: 'more' }]));
    await crane.append('e2e/crane/made:base', crane.path('more.tar'), 'e2e/crane/made:more');
    await crane.label('e2e/crane/made:base', 'made.by=crane', 'e2e/crane/made:label');

    const more = await stack.client().pull('e2e/crane/made', 'more');
    expect([...more.blobs.keys()]).toEqual(expect.arrayContaining(image.layers.map(({ digest }) => digest)));
    expect(more.blobs.size).toBe(image.layers.length + 2);
    const { manifest, blobs } = await stack.client().pull('e2e/crane/made', 'label');
    const { config } = JSON.parse(manifest.bytes.toString()) as { config: { digest: string } };
    expect(JSON.parse(blobs.get(config.digest)!.toString())).toMatchObject({
      config: { Labels: { 'made.by': 'crane' } },
    });

    await crane.index(['e2e/crane/made:more', 'e2e/crane/made:label'], 'e2e/crane/made:index');
    await crane.validate('e2e/crane/made:index');
    const { manifests } = JSON.parse((await crane.manifest('e2e/crane/made:index')).toString()) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map(({ digest }) => digest)).toEqual([more.manifest.digest, manifest.digest]);
  });

  it('lists the catalog', async () => {
    for (const name of ['e2e/crane/catalog-a', 'e2e/crane/catalog-b']) await stack.client().push(name, anImage(), 'v1');
    const listed = await crane.catalog();
    expect(listed).toEqual(expect.arrayContaining(['e2e/crane/catalog-a', 'e2e/crane/catalog-b']));
  });

  it('tags, lists and deletes', async () => {
    const image = anImage();
    await stack.client().push('e2e/crane/tags', image, 'v1');
    await crane.tag('e2e/crane/tags:v1', 'v2');
    expect(await crane.list('e2e/crane/tags')).toEqual(['v1', 'v2']);
    expect(await crane.digest('e2e/crane/tags:v2')).toBe(image.manifest.digest);
    await crane.delete(`e2e/crane/tags@${image.manifest.digest}`);
    expect((await crane.try(['digest', crane.reference('e2e/crane/tags:v1')])).code).not.toBe(0);
  });

  it('reads a blob by its digest', async () => {
    const image = anImage();
    await stack.client().push('e2e/crane/blob', image, 'v1');
    const layer = image.layers[0]!;
    expect(digestOf(await crane.blob('e2e/crane/blob', layer.digest))).toBe(layer.digest);
  });

  if (asksForLogin()) {
    it('is refused with a wrong password', async () => {
      const stranger = new Crane(stack.host);
      try {
        writeOciLayout(stranger.path('in'), anImage());
        await stranger.login('admin', 'wrong');
        const result = await stranger.try(['push', stranger.path('in'), stranger.reference('e2e/crane/stranger:v1')]);
        expect(result.code).not.toBe(0);
        expect(result.stderr).toMatch(/unauthorized/i);
      } finally {
        await stranger.remove();
      }
    });
  }
});
