import {
  allContent,
  anImage,
  anIndex,
  digestOf,
  findRegctl,
  randomBlob,
  readOciLayout,
  Regctl,
  requireOrSkip,
  writeOciLayout,
} from '@berth/testing';

import { modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

requireOrSkip(`regctl against ${mode}`, reasonAgainst(mode) ?? findRegctl().reason)(`regctl (${mode})`, () => {
  let stack: Stack;
  let regctl: Regctl;
  beforeAll(async () => {
    stack = await startStack();
    regctl = new Regctl(stack.host);
    if (stack.credentials) await regctl.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await regctl?.remove();
    await stack?.stop();
  });

  it('copies an image in and out byte for byte', async () => {
    const image = anImage({ layers: 4, layerSize: 500_000 });
    writeOciLayout(regctl.path('in'), image, 'v1');
    await regctl.copy(regctl.layout(regctl.path('in'), 'v1'), regctl.reference('e2e/regctl/app:v1'));
    expect(await regctl.digest('e2e/regctl/app:v1')).toBe(image.manifest.digest);
    expect(await regctl.manifest('e2e/regctl/app:v1')).toEqual(image.manifest.bytes);

    await regctl.copy(regctl.reference('e2e/regctl/app:v1'), regctl.layout(regctl.path('out'), 'v1'));
    const { manifest, digests } = readOciLayout(regctl.path('out'));
    expect(manifest.digest).toBe(image.manifest.digest);
    expect(digests).toEqual(new Set(allContent(image).map(({ digest }) => digest)));
  });

  it('copies an index with its images in and out', async () => {
    const index = anIndex();
    writeOciLayout(regctl.path('index'), index, 'v1');
    await regctl.copy(regctl.layout(regctl.path('index'), 'v1'), regctl.reference('e2e/regctl/index:v1'));
    await stack.client().pullAndCompare('e2e/regctl/index', 'v1', index);
    await regctl.copy(regctl.reference('e2e/regctl/index:v1'), regctl.layout(regctl.path('index-out'), 'v1'));
    const { manifest, digests } = readOciLayout(regctl.path('index-out'));
    expect(manifest.digest).toBe(index.manifest.digest);
    expect(digests).toEqual(new Set(allContent(index).map(({ digest }) => digest)));
  });

  it('copies between repositories of the registry', async () => {
    const image = anImage({ layers: 3 });
    await stack.client().push('e2e/regctl/source', image, 'v1');
    await regctl.copy(regctl.reference('e2e/regctl/source:v1'), regctl.reference('e2e/regctl/target:v1'));
    await stack.client().pullAndCompare('e2e/regctl/target', 'v1', image);
  });

  it('puts and gets a blob', async () => {
    const blob = randomBlob(300_000);
    expect(await regctl.putBlob('e2e/regctl/blobs', blob.bytes)).toBe(blob.digest);
    expect(digestOf(await regctl.blob('e2e/regctl/blobs', blob.digest))).toBe(blob.digest);
  });

  it('puts an artifact and gets it back', async () => {
    const { bytes } = randomBlob(200_000);
    await regctl.putArtifact('e2e/regctl/artifact:v1', 'application/vnd.example.model', bytes);
    expect(await regctl.artifact('e2e/regctl/artifact:v1')).toEqual(bytes);
  });

  it('puts artifacts that refer to an image and lists them, all and by their type', async () => {
    const image = anImage();
    await stack.client().push('e2e/regctl/subject', image, 'v1');
    const [bill, scan] = ['application/vnd.example.bill', 'application/vnd.example.scan'];
    const bills = await regctl.putReferrer('e2e/regctl/subject:v1', bill, Buffer.from('{"bill":1}'));
    const scans = await regctl.putReferrer('e2e/regctl/subject:v1', scan, Buffer.from('{"scan":1}'));
    expect((await regctl.listReferrers('e2e/regctl/subject:v1')).sort()).toEqual([bills, scans].sort());
    expect(await regctl.listReferrers('e2e/regctl/subject:v1', scan)).toEqual([scans]);
    expect(await regctl.listTags('e2e/regctl/subject')).toEqual(['v1']);

    await regctl.deleteManifest('e2e/regctl/subject', bills);
    expect(await regctl.listReferrers('e2e/regctl/subject:v1')).toEqual([scans]);
  });

  it('copies an image with what refers to it', async () => {
    const image = anImage();
    await stack.client().push('e2e/regctl/signed', image, 'v1');
    const type = 'application/vnd.example.signature';
    const signature = await regctl.putReferrer('e2e/regctl/signed:v1', type, Buffer.from('signed'));
    const [from, to] = ['e2e/regctl/signed:v1', 'e2e/regctl/moved:v1'].map((name) => regctl.reference(name));
    await regctl.copy(from!, to!, '--referrers');
    expect(await regctl.listReferrers('e2e/regctl/moved:v1')).toEqual([signature]);
  });

  it('lists the repositories', async () => {
    for (const name of ['e2e/regctl/list-a', 'e2e/regctl/list-b']) await stack.client().push(name, anImage(), 'v1');
    expect(await regctl.repositories()).toEqual(expect.arrayContaining(['e2e/regctl/list-a', 'e2e/regctl/list-b']));
  });

  it('deletes one tag and keeps the other and the image', async () => {
    const image = anImage();
    for (const tag of ['gone', 'kept']) await stack.client().push('e2e/regctl/tags', image, tag);
    await regctl.deleteTag('e2e/regctl/tags:gone');
    expect(await regctl.listTags('e2e/regctl/tags')).toEqual(['kept']);
    await stack.client().pullAndCompare('e2e/regctl/tags', 'kept', image);
  });

  it('deletes a manifest by its digest', async () => {
    const image = anImage();
    await stack.client().push('e2e/regctl/deleted', image, 'v1');
    await regctl.deleteManifest('e2e/regctl/deleted', image.manifest.digest);
    expect((await stack.client().headManifest('e2e/regctl/deleted', 'v1')).status).toBe(404);
  });
});
