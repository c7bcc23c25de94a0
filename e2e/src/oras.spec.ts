import { digestOf, findPythonClients, Oras, randomBlob, requireOrSkip } from '@berth/testing';

import { asksForLogin, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
const reason = reasonAgainst(mode) ?? findPythonClients().reason;

requireOrSkip(`oras (Python) against ${mode}`, reason)(`the Python client of ORAS (${mode})`, () => {
  let stack: Stack;
  let oras: Oras;
  beforeAll(async () => {
    stack = await startStack();
    oras = new Oras(stack.host);
    if (stack.credentials) await oras.login(stack.credentials.user, stack.credentials.password);
  });
  afterAll(async () => {
    await oras?.remove();
    await stack?.stop();
  });

  it('pushes an artifact of files with annotations and pulls it back byte for byte', async () => {
    const files = {
      'model.bin': randomBlob(700_000).bytes,
      'notes.txt': Buffer.from('two lines\nof text\n'),
      'empty.dat': Buffer.alloc(0),
    };
    const annotations = { 'org.opencontainers.image.title': 'Ein Modell für alle', 'com.example.run': '42' };
    const digest = await oras.push('e2e/oras/model:v1', { files, annotations });
    const answer = (await stack.client().getManifest('e2e/oras/model', 'v1')).expect(200);
    expect(digestOf(answer.bytes)).toBe(digest);
    const manifest = answer.json<{ annotations: object; layers: { digest: string; annotations: object }[] }>();
    expect(manifest.annotations).toEqual(annotations);
    expect(manifest.layers.map((layer) => layer.digest)).toEqual(Object.values(files).map((file) => digestOf(file)));
    expect(await oras.pull('e2e/oras/model:v1')).toEqual(files);
    expect(await oras.pull(`e2e/oras/model@${digest}`)).toEqual(files);
  });

  it('pushes a file in chunks', async () => {
    const files = { 'big.bin': randomBlob(1_000_001).bytes };
    await oras.push('e2e/oras/chunked:v1', { files, chunkSize: 300_000 });
    expect(await oras.pull('e2e/oras/chunked:v1')).toEqual(files);
  });

  it('lists tags and deletes one with its manifest', async () => {
    for (const tag of ['a', 'b']) {
      await oras.push(`e2e/oras/tags:${tag}`, { files: { 'name.txt': Buffer.from(tag) } });
    }
    expect(await oras.tags('e2e/oras/tags')).toEqual(['a', 'b']);
    await oras.delete('e2e/oras/tags', 'a');
    expect(await oras.tags('e2e/oras/tags')).toEqual(['b']);
  });

  if (asksForLogin()) {
    it('is refused with a wrong password', async () => {
      const stranger = new Oras(stack.host);
      try {
        await stranger.login('admin', 'wrong');
        const push = stranger.push('e2e/oras/stranger:v1', { files: { 'a.txt': Buffer.from('a') } });
        await expect(push).rejects.toThrow(/UNAUTHORIZED/);
      } finally {
        await stranger.remove();
      }
    });

    it('pulls and lists with a token that it asks for with its login', async () => {
      const files = { 'name.txt': Buffer.from('by token') };
      const pushing = new Oras(stack.host, 'token', await tokenFor('repository:e2e/oras/token:pull,push'));
      const pulling = new Oras(stack.host, 'token');
      try {
        await pushing.push('e2e/oras/token:v1', { files });
        await pulling.login(stack.credentials!.user, stack.credentials!.password);
        expect(await pulling.pull('e2e/oras/token:v1')).toEqual(files);
        expect(await pulling.tags('e2e/oras/token')).toEqual(['v1']);
      } finally {
        await pulling.remove();
        await pushing.remove();
      }
    });
  }

  async function tokenFor(scope: string): Promise<string> {
    const header = await stack.client().tokenFor([scope]);
    return header!.slice('Bearer '.length);
  }
});
