import { randomBlob } from '../images/blob.js';
import { anImage, anIndex } from '../images/image.js';
import { requireOrSkip } from '../missing.js';
import { startDockerRegistry, type TestDockerRegistry } from '../servers/docker-registry.js';
import { findProgram } from '../servers/find-program.js';
import { RegistryClient } from './registry-client.js';
import type { PushForm } from './upload-session.js';

requireOrSkip('docker-registry', findProgram('docker-registry').reason)(RegistryClient.name, () => {
  let peer: TestDockerRegistry;
  let client: RegistryClient;
  beforeAll(async () => {
    peer = await startDockerRegistry();
    client = new RegistryClient(`http://${peer.host}`);
  });
  afterAll(() => peer.stop());

  it.each<PushForm>(['single-post', 'post-put', 'chunked', 'stream'])('pushes a blob by %s', async (form) => {
    const blob = randomBlob(300_000);
    await client.pushBlob('kit/blob', blob, form, 100_000);
    const answer = (await client.getBlob('kit/blob', blob.digest)).expect(200);
    expect(answer.bytes.equals(blob.bytes)).toBe(true);
  });

  it('pulls what it pushed, byte for byte', async () => {
    const image = anImage({ layers: 3, format: 'docker' });
    await client.push('kit/image', image, 'v1');
    await client.pullAndCompare('kit/image', 'v1', image);
    await client.pullAndCompare('kit/image', image.manifest.digest, image);
  });

  it('pushes an index with its images', async () => {
    const index = anIndex();
    await client.push('kit/index', index, 'multi');
    await client.pullAndCompare('kit/index', 'multi', index);
  });

  it('fails when what it pulls is not what was expected', async () => {
    await client.push('kit/other', anImage(), 'v1');
    await expect(client.pullAndCompare('kit/other', 'v1', anImage())).rejects.toThrow(/differs from what was pushed/);
  });

  it('shows the codes of the error envelope', async () => {
    const answer = await client.getManifest('kit/nothing', 'here');
    expect(answer.status).toBe(404);
    expect(answer.codes).toEqual(['MANIFEST_UNKNOWN']);
  });
});
