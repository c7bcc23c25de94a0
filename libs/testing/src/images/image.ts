import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { programAt, type Found } from '../servers/find-program.js';
import { blobOf, digestOf, MEDIA_TYPE, randomBlob, seededBytes, type Blob } from './blob.js';
import { aManifest, jsonManifest, type Manifest } from './manifest.js';
import { tarArchive, type TarEntry } from './tar-archive.js';

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface Image {
  manifest: Manifest;
  config: Blob;
  layers: Blob[];
  /** The layers as they are before compression, in the same order. */
  tars: Buffer[];
  platform: Platform;
}

export interface Index {
  manifest: Manifest;
  images: Image[];
}

export interface ImageOptions {
  layers?: number;
  /** Bytes of one incompressible file in each layer. */
  layerSize?: number;
  /** More files, in the first layer. */
  files?: Record<string, Buffer | string>;
  /** Puts Debian's static busybox at /bin/busybox in the first layer, so that the image can be run. */
  busybox?: boolean;
  /** Merged into the `config` object of the image's config: `{ Cmd: ['/bin/busybox', 'true'] }`. */
  config?: Record<string, unknown>;
  platform?: Platform;
  /** The same seed makes the same image; without one every image is another. */
  seed?: string;
  /** Media types of the OCI (default) or of Docker's schema 2. */
  format?: 'oci' | 'docker';
}

const BUSYBOX = '/bin/busybox';

export function findBusybox(): Found {
  return programAt(BUSYBOX);
}

/** The platform of containers that this machine runs. */
export function thisPlatform(): Platform {
  return { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };
}

/** A whole, valid image: gzipped tar layers, a config whose diff_ids are right, a manifest. */
export function anImage(options: ImageOptions = {}): Image {
  const { layers: count = 2, format = 'oci', platform = thisPlatform() } = options;
  const docker = format === 'docker';
  const seed = options.seed ?? randomBlob(16).digest;
  const tars = Array.from({ length: count }, (_, position) => tarArchive(layerEntries(options, seed, position)));
  const layers = tars.map((tar) => blobOf(gzipSync(tar), docker ? MEDIA_TYPE.dockerLayer : MEDIA_TYPE.ociLayer));
  const config = imageConfig(tars, platform, options.config, docker);
  const mediaType = docker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.ociManifest;
  return { manifest: aManifest({ config, layers, mediaType }), config, layers, tars, platform };
}

/** An index (or Docker manifest list) of images; by default of one for amd64 and one for arm64. */
export function anIndex(images: Image[] = [anImage(platformOf('amd64')), anImage(platformOf('arm64'))]): Index {
  const docker = images.some((image) => image.manifest.mediaType === MEDIA_TYPE.dockerManifest);
  const mediaType = docker ? MEDIA_TYPE.dockerList : MEDIA_TYPE.ociIndex;
  const manifests = images.map(({ manifest: { mediaType, digest, size }, platform }) => ({
    mediaType,
    digest,
    size,
    platform,
  }));
  return { manifest: jsonManifest(mediaType, { schemaVersion: 2, mediaType, manifests }), images };
}

/** Every blob that must be there before the manifest: config and layers, each once. */
export function blobsOf(image: Image): Blob[] {
  return [...new Map([image.config, ...image.layers].map((blob) => [blob.digest, blob])).values()];
}

function platformOf(architecture: string): ImageOptions {
  return { platform: { os: 'linux', architecture } };
}

function layerEntries(options: ImageOptions, seed: string, position: number): TarEntry[] {
  const { layerSize = 4_096, files = {}, busybox = false } = options;
  const entries: TarEntry[] = [];
  if (position === 0) {
    if (busybox) entries.push({ path: 'bin' }, { path: 'bin/busybox', content: readFileSync(BUSYBOX), mode: 0o755 });
    entries.push(...Object.entries(files).map(([path, content]) => ({ path, content })));
  }
  const folder: TarEntry[] = position === 0 ? [{ path: 'layers' }] : [];
  const content = seededBytes(layerSize, `${seed}/${position}`);
  return [...entries, ...folder, { path: `layers/${position}`, content }];
}

function imageConfig(tars: Buffer[], platform: Platform, config: object | undefined, docker: boolean): Blob {
  const created = '2026-01-01T00:00:00Z';
  const value = {
    created,
    ...platform,
    config: { Env: ['PATH=/bin'], ...config },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    history: tars.map((_, position) => ({ created, created_by: `berth test layer ${position}` })),
  };
  return blobOf(JSON.stringify(value), docker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.ociConfig);
}
