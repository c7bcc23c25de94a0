import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';

import { digestOf, randomBlob } from './blob.js';
import { anImage, anIndex } from './image.js';
import { aManifest } from './manifest.js';
import { tarArchive } from './tar-archive.js';

describe(anImage.name, () => {
  it('names in its config what its layers unpack to', () => {
    const image = anImage({ layers: 3 });
    const config = JSON.parse(image.config.bytes.toString()) as { rootfs: { diff_ids: string[] } };
    expect(config.rootfs.diff_ids).toEqual(image.layers.map((layer) => digestOf(gunzipSync(layer.bytes))));
  });

  it('names in its manifest what it consists of', () => {
    const image = anImage();
    const manifest = JSON.parse(image.manifest.bytes.toString()) as { config: object; layers: object[] };
    expect(manifest.config).toMatchObject({ digest: digestOf(image.config.bytes), size: image.config.bytes.length });
    expect(manifest.layers).toHaveLength(2);
    expect(manifest.layers[1]).toMatchObject({ digest: image.layers[1]!.digest });
  });

  it('is the same for the same seed and another without one', () => {
    expect(anImage({ seed: 'a' }).manifest.digest).toBe(anImage({ seed: 'a' }).manifest.digest);
    expect(anImage().manifest.digest).not.toBe(anImage().manifest.digest);
  });
});

describe(anIndex.name, () => {
  it('lists a manifest per platform', () => {
    const index = anIndex();
    const { manifests } = JSON.parse(index.manifest.bytes.toString()) as { manifests: { digest: string }[] };
    expect(manifests.map(({ digest }) => digest)).toEqual(index.images.map(({ manifest }) => manifest.digest));
  });
});

describe(aManifest.name, () => {
  it('carries a subject and the type of an artifact', () => {
    const subject = anImage().manifest;
    const manifest = JSON.parse(aManifest({ subject }).bytes.toString()) as Record<string, unknown>;
    expect(manifest).toMatchObject({ subject: { digest: subject.digest }, artifactType: expect.any(String) as string });
  });
});

describe(randomBlob.name, () => {
  it('has the size that was asked for', () => {
    expect(randomBlob(0).bytes).toHaveLength(0);
    expect(randomBlob(5_000_001).bytes).toHaveLength(5_000_001);
  });
});

describe(tarArchive.name, () => {
  it('is read by tar', () => {
    const archive = tarArchive([{ path: 'a' }, { path: 'a/b', content: 'hello', mode: 0o755 }]);
    expect(execFileSync('tar', ['-tvf', '-'], { input: archive }).toString()).toMatch(/drwx.* a\/\n-rwx.* 5 .* a\/b/);
  });
});
