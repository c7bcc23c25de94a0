import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { blobOf, descriptorOf, digestOf, type Blob } from './blob.js';
import { blobsOf, type Image, type Index } from './image.js';
import { tarArchive, type TarEntry } from './tar-archive.js';

/** Writes an image or index as an OCI image layout, which skopeo (`oci:`), crane, regctl (`ocidir://`) and podman read. */
export function writeOciLayout(folder: string, content: Image | Index, tag = 'latest'): void {
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  for (const { path, content: bytes } of layoutFiles(content, tag)) writeFileSync(join(folder, path), bytes);
}

/** The files of an OCI image layout, for a folder or for an archive. */
export function layoutFiles(content: Image | Index, tag = 'latest'): Required<Pick<TarEntry, 'path' | 'content'>>[] {
  const entry = { ...descriptorOf(content.manifest), annotations: { 'org.opencontainers.image.ref.name': tag } };
  return [
    { path: 'oci-layout', content: JSON.stringify({ imageLayoutVersion: '1.0.0' }) },
    { path: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [entry] }) },
    ...allContent(content).map(({ digest, bytes }) => ({
      path: `blobs/sha256/${digest.slice('sha256:'.length)}`,
      content: bytes,
    })),
  ];
}

/** The manifest that the index of an OCI image layout names first, and the digests that its blobs really have. */
export function readOciLayout(folder: string): { manifest: Blob; digests: Set<string> } {
  const read = (name: string) => readFileSync(join(folder, 'blobs/sha256', name));
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    manifests: { digest: string; mediaType: string }[];
  };
  const { digest, mediaType } = index.manifests[0]!;
  const digests = readdirSync(join(folder, 'blobs/sha256')).map((name) => digestOf(read(name)));
  return { manifest: blobOf(read(digest.slice('sha256:'.length)), mediaType), digests: new Set(digests) };
}

/** Writes an image as skopeo's `dir:` layout, the form in which nothing is converted on the way in or out. */
export function writeDirLayout(folder: string, image: Image): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'version'), 'Directory Transport Version: 1.1\n');
  writeFileSync(join(folder, 'manifest.json'), image.manifest.bytes);
  for (const { digest, bytes } of blobsOf(image)) writeFileSync(join(folder, digest.slice('sha256:'.length)), bytes);
}

/** The digests of what a `dir:` layout holds, by file name. */
export function readDirLayout(folder: string): Map<string, string> {
  return new Map(readdirSync(folder).map((name) => [name, digestOf(readFileSync(join(folder, name)))]));
}

/** The image as an archive for `docker load`, which tags it `reference`. */
export function dockerArchive(image: Image, reference: string): Buffer {
  const configName = `${image.config.digest.slice('sha256:'.length)}.json`;
  const layerNames = image.tars.map((_, position) => `${position}/layer.tar`);
  const entries: TarEntry[] = [
    { path: configName, content: image.config.bytes },
    ...image.tars.map((content, position) => ({ path: layerNames[position]!, content })),
    {
      path: 'manifest.json',
      content: JSON.stringify([{ Config: configName, RepoTags: [reference], Layers: layerNames }]),
    },
  ];
  return tarArchive(entries);
}

/** Manifests and blobs, each digest once. */
export function allContent(content: Image | Index): Blob[] {
  const images = 'images' in content ? content.images : [content];
  const all = [content.manifest, ...images.flatMap((image) => [image.manifest, ...blobsOf(image)])];
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}
