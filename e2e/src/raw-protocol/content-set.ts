import { gzipSync } from 'node:zlib';

import {
  type Blob,
  blobOf,
  type Descriptor,
  descriptorOf,
  digestOf,
  type Manifest,
  MEDIA_TYPE,
  randomBlob,
  tarArchive,
} from '@berth/testing';

import type { Referrer } from './referrer-list.js';

export type Algorithm = 'sha256' | 'sha512';

/** What a manifest may hold beside its content. */
export interface ManifestParts {
  artifactType?: string;
  annotations?: Record<string, string>;
  subject?: Descriptor;
  /** Fields of no specification, merged into manifest and config. */
  extra?: Record<string, unknown>;
}

export interface ImageParts extends ManifestParts {
  layers?: number;
  compressed?: boolean;
  /** Descriptors of layers and config carry their content. */
  inline?: boolean;
  /** Further layers, which are not pushed: their descriptors say where they are. */
  foreign?: Record<string, unknown>[];
  /** Config and layers of an artifact in place of an image's. */
  artifact?: { config: Blob; layers: Blob[] };
}

/**
 * Content of one kind in the order in which it is pushed: blobs, then manifests, those that others name first. With sha512
 * every digest in it is one.
 */
export class ContentSet {
  readonly blobs = new Map<string, Blob>();
  readonly manifests: Manifest[] = [];
  readonly tags = new Map<string, Manifest>();
  readonly referrers = new Map<string, Referrer[]>();

  constructor(readonly algorithm: Algorithm = 'sha256') {}

  image(parts: ImageParts = {}): Manifest {
    const { layers: count = 2, compressed = true, inline = false, foreign = [], extra } = parts;
    const tars = Array.from({ length: count }, (_, n) =>
      tarArchive([{ path: `${n}`, content: randomBlob(100).bytes }]),
    );
    const layers =
      parts.artifact?.layers ??
      tars.map((tar) => blobOf(compressed ? gzipSync(tar) : tar, compressed ? MEDIA_TYPE.ociLayer : UNCOMPRESSED));
    const rootfs = { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar, this.algorithm)) };
    const config =
      parts.artifact?.config ??
      blobOf(JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs, ...extra }), MEDIA_TYPE.ociConfig);
    const describe = (blob: Blob) => {
      const added = this.blob(blob);
      return { ...descriptorOf(added), ...(inline && { data: added.bytes.toString('base64') }) };
    };
    const described = { config: describe(config), layers: [...layers.map(describe), ...foreign] };
    return this.add(MEDIA_TYPE.ociManifest, described, parts, parts.artifactType ?? config.mediaType);
  }

  index(manifests: Manifest[], parts: ManifestParts = {}): Manifest {
    const entries = manifests.map((manifest, n) => ({
      ...descriptorOf(manifest),
      platform: { os: 'linux', architecture: n === 0 ? 'amd64' : 'arm64' },
    }));
    return this.add(MEDIA_TYPE.ociIndex, { manifests: entries }, parts, parts.artifactType);
  }

  tag(manifest: Manifest, ...tags: string[]): this {
    for (const tag of tags) this.tags.set(tag, manifest);
    return this;
  }

  private blob(blob: Blob): Blob {
    const added = { ...blob, digest: digestOf(blob.bytes, this.algorithm) };
    this.blobs.set(added.digest, added);
    return added;
  }

  private add(mediaType: string, content: object, parts: ManifestParts, referrerType?: string): Manifest {
    const { artifactType, subject, annotations, extra } = parts;
    const value = {
      schemaVersion: 2,
      mediaType,
      ...(artifactType && { artifactType }),
      ...content,
      ...(subject && { subject: descriptorOf(subject) }),
      ...(annotations && { annotations }),
      ...extra,
    };
    const bytes = Buffer.from(JSON.stringify(value));
    const manifest = { mediaType, digest: digestOf(bytes, this.algorithm), size: bytes.length, bytes };
    this.manifests.push(manifest);
    if (subject) {
      const referrer = { ...descriptorOf(manifest), artifactType: referrerType, annotations };
      this.referrers.set(subject.digest, [...(this.referrers.get(subject.digest) ?? []), referrer]);
    }
    return manifest;
  }
}

const UNCOMPRESSED = 'application/vnd.oci.image.layer.v1.tar';
