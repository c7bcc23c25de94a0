import { aManifest, type Blob, blobOf, descriptorOf, jsonManifest, type Manifest, MEDIA_TYPE } from '@berth/testing';

export const BLOB_NAMES = ['base', 'code', 'data', 'note'] as const;
export type BlobName = (typeof BLOB_NAMES)[number];

export const MANIFEST_NAMES = ['web', 'job', 'both', 'cache', 'nest', 'seal', 'bill', 'stamp'] as const;
export type ManifestName = (typeof MANIFEST_NAMES)[number];

/** A manifest and what it refers to. */
export interface Content {
  manifest: Manifest;
  blobs: BlobName[];
  children: ManifestName[];
  subject: ManifestName | null;
}

const layer = (text: string): Blob => blobOf(text, MEDIA_TYPE.ociLayer);

/** The same in every history: what one left behind would be seen in the next. No two are of one size. */
export const BLOBS: Record<BlobName, Blob> = {
  base: layer('a base'),
  code: layer('some code'),
  data: layer('data of a job'),
  note: layer('a note on something'),
};

const image = (...blobs: BlobName[]): Content => {
  const [config, ...layers] = blobs.map((name) => BLOBS[name]);
  return { manifest: aManifest({ config, layers }), blobs, children: [], subject: null };
};

/** Of images and, as a cache of BuildKit, of plain blobs. */
const index = (children: [ManifestName, Content][], blobs: BlobName[] = []): Content => {
  const entries = [...children.map(([, { manifest }]) => manifest), ...blobs.map((name) => BLOBS[name])];
  const manifest = jsonManifest(MEDIA_TYPE.ociIndex, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: entries.map(descriptorOf),
  });
  return { manifest, blobs, children: children.map(([name]) => name), subject: null };
};

const referrer = (subject: ManifestName, { manifest }: Content, ...blobs: BlobName[]): Content => {
  const [config, ...layers] = blobs.map((name) => BLOBS[name]);
  return { manifest: aManifest({ config, layers, subject: manifest }), blobs, children: [], subject };
};

const web = image('base', 'code');
const job = image('base', 'data');
const both = index([
  ['web', web],
  ['job', job],
]);
const seal = referrer('web', web, 'note');

export const MANIFESTS: Record<ManifestName, Content> = {
  web,
  job,
  both,
  cache: index([['web', web]], ['data']),
  nest: index([['both', both]]),
  seal,
  bill: referrer('both', both, 'note', 'code'),
  stamp: referrer('seal', seal, 'note'),
};

const names = new Map<string, BlobName | ManifestName>([
  ...BLOB_NAMES.map((name) => [BLOBS[name].digest, name] as const),
  ...MANIFEST_NAMES.map((name) => [MANIFESTS[name].manifest.digest, name] as const),
]);

/** What the digest is of; the digest itself where it is of nothing here. */
export const nameOf = (digest: string): string => names.get(digest) ?? digest;
