import { dirname } from 'node:path';

import {
  anImage,
  anIndex,
  findSkopeo,
  readDirLayout,
  requireOrSkip,
  Skopeo,
  writeDirLayout,
  writeOciLayout,
} from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`skopeo against ${mode}`, reasonAgainst(mode) ?? findSkopeo().reason)(`skopeo (${mode})`, () => {
  let stack: Stack;
  let skopeo: Skopeo;
  beforeAll(async () => {
    stack = await startStack();
    skopeo = new Skopeo(stack.host);
    if (stack.credentials) await skopeo.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await skopeo?.remove();
    await stack?.stop();
  });

  it.each(['oci', 'docker'] as const)('copies an image of the %s form in and out byte for byte', async (format) => {
    const name = `e2e/skopeo/${format}:v1`;
    const [into, out] = [skopeo.path(`${format}-in`), skopeo.path(`${format}-out`)];
    writeDirLayout(into, anImage({ layers: 4, layerSize: 500_000, format }));
    await skopeo.copy(`dir:${into}`, skopeo.remote(name));
    await skopeo.copy(skopeo.remote(name), `dir:${out}`);
    expect(readDirLayout(out)).toEqual(readDirLayout(into));
  });

  it('copies an index with all its images in and out byte for byte', async () => {
    const index = anIndex();
    writeOciLayout(skopeo.path('index-in'), index, 'v1');
    await skopeo.copy(`oci:${skopeo.path('index-in')}:v1`, skopeo.remote('e2e/skopeo/index:v1'), { all: true });
    await stack.client().pullAndCompare('e2e/skopeo/index', 'v1', index);

    await skopeo.copy(skopeo.remote('e2e/skopeo/index:v1'), `dir:${skopeo.path('index-out')}`, { all: true });
    const files = readDirLayout(skopeo.path('index-out'));
    expect(files.get('manifest.json')).toBe(index.manifest.digest);
    for (const image of index.images) {
      expect(files.get(`${image.manifest.digest.slice(7)}.manifest.json`)).toBe(image.manifest.digest);
      for (const layer of image.layers) expect(files.get(layer.digest.slice(7))).toBe(layer.digest);
    }
  });

  it('copies an index from one repository to another', async () => {
    const index = anIndex();
    await stack.client().push('e2e/skopeo/from', index, 'v1');
    await skopeo.copy(skopeo.remote('e2e/skopeo/from:v1'), skopeo.remote('e2e/skopeo/to:v2'), { all: true });
    await stack.client().pullAndCompare('e2e/skopeo/to', 'v2', index);
  });

  it('syncs the tags of a repository out to a folder and in to another place', async () => {
    const images = { v1: anImage(), v2: anImage({ format: 'docker' }) };
    for (const [tag, image] of Object.entries(images)) await stack.client().push('e2e/skopeo/sync', image, tag);
    const folder = await skopeo.syncOut('e2e/skopeo/sync', skopeo.path('synced'));
    await skopeo.syncIn(dirname(folder), 'e2e/skopeo/mirror');
    for (const [tag, image] of Object.entries(images)) {
      await stack.client().pullAndCompare('e2e/skopeo/mirror/sync', tag, image);
    }
  });

  it('inspects what was pushed', async () => {
    const image = anImage({ layers: 3 });
    writeDirLayout(skopeo.path('inspected'), image);
    await skopeo.copy(`dir:${skopeo.path('inspected')}`, skopeo.remote('e2e/skopeo/inspect:v1'));
    const seen = await skopeo.inspect('e2e/skopeo/inspect:v1');
    expect(seen.Digest).toBe(image.manifest.digest);
    expect(seen.Layers).toEqual(image.layers.map(({ digest }) => digest));
    expect(await skopeo.inspectRaw('e2e/skopeo/inspect:v1')).toEqual(image.manifest.bytes);
  });

  it('lists the tags of a repository', async () => {
    writeDirLayout(skopeo.path('tagged'), anImage());
    for (const tag of ['b', 'a', 'c']) {
      await skopeo.copy(`dir:${skopeo.path('tagged')}`, skopeo.remote(`e2e/skopeo/tags:${tag}`));
    }
    expect((await skopeo.listTags('e2e/skopeo/tags')).sort()).toEqual(['a', 'b', 'c']);
  });

  it('deletes an image with every tag of it', async () => {
    const image = anImage();
    writeDirLayout(skopeo.path('deleted'), image);
    for (const tag of ['one', 'two']) {
      await skopeo.copy(`dir:${skopeo.path('deleted')}`, skopeo.remote(`e2e/skopeo/delete:${tag}`));
    }
    await skopeo.delete('e2e/skopeo/delete:one');
    for (const reference of ['one', 'two', image.manifest.digest]) {
      expect((await stack.client().getManifest('e2e/skopeo/delete', reference)).status).toBe(404);
    }
  });

  it('fails on a repository that is not there', async () => {
    const result = await skopeo.try(['inspect', '--tls-verify=false', skopeo.remote('e2e/skopeo/nothing:v1')]);
    expect(result.code).not.toBe(0);
  });
});
