import { manifestInvalid } from './errors.js';

/** Spec: image-spec "Media Types". */
export const OCI_IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const OCI_LAYER_ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd';
export const OCI_LAYER_NONDISTRIBUTABLE = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
export const OCI_LAYER_NONDISTRIBUTABLE_GZIP = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
export const OCI_LAYER_NONDISTRIBUTABLE_ZSTD = 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd';
/** The blob `{}`, for artifacts without a config. */
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';

export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_IMAGE_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar';
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
export const DOCKER_FOREIGN_LAYER_GZIP = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
/** Schema 1: served on request, never accepted. */
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** The two artifact manifests that came before `subject` in the image manifest; both list `blobs`. */
export const ORAS_ARTIFACT_MANIFEST = 'application/vnd.cncf.oras.artifact.manifest.v1+json';
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';

const IMAGE_MANIFESTS = new Set([OCI_IMAGE_MANIFEST, DOCKER_MANIFEST]);
const INDEXES = new Set([OCI_IMAGE_INDEX, DOCKER_MANIFEST_LIST]);
const ARTIFACT_MANIFESTS = new Set([ORAS_ARTIFACT_MANIFEST, OCI_ARTIFACT_MANIFEST]);
const SCHEMA1 = new Set([DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED]);
const UNSPECIFIC = new Set([
  'application/json',
  'application/octet-stream',
  'application/x-www-form-urlencoded',
  'text/plain',
]);
const NONDISTRIBUTABLE = new Set([
  OCI_LAYER_NONDISTRIBUTABLE,
  OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  OCI_LAYER_NONDISTRIBUTABLE_ZSTD,
  DOCKER_FOREIGN_LAYER_GZIP,
]);

/** RFC 6838 section 4.2: type and subtype, each at most 127 characters. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** An OCI index or a Docker manifest list. */
export function isIndexMediaType(mediaType: string): boolean {
  return INDEXES.has(mediaType);
}

/** An OCI image manifest or a Docker manifest of schema 2. */
export function isImageManifestMediaType(mediaType: string): boolean {
  return IMAGE_MANIFESTS.has(mediaType);
}

/** A legacy artifact manifest, ORAS's or that of image-spec 1.1-rc. */
export function isArtifactManifestMediaType(mediaType: string): boolean {
  return ARTIFACT_MANIFESTS.has(mediaType);
}

/** Docker schema 1, plain or signed. */
export function isSchema1MediaType(mediaType: string): boolean {
  return SCHEMA1.has(mediaType);
}

/** What clients send who were told no type, curl's default among them: it says nothing about a manifest. */
export function isUnspecificMediaType(mediaType: string): boolean {
  return UNSPECIFIC.has(mediaType);
}

/**
 * Whether an index child of this type is a manifest; if not, it is a blob (BuildKit's cache lists layers in an index).
 * Schema 1 counts as a manifest, though none can be pushed.
 */
export function isManifestMediaType(mediaType: string): boolean {
  return (
    isImageManifestMediaType(mediaType) ||
    isIndexMediaType(mediaType) ||
    isArtifactManifestMediaType(mediaType) ||
    isSchema1MediaType(mediaType)
  );
}

/** A layer that a registry need not hold, as its licence forbids. Spec: image-spec "Non-Distributable Layers". */
export function isNonDistributableMediaType(mediaType: string): boolean {
  return NONDISTRIBUTABLE.has(mediaType);
}

/** The type in a Content-Type header, without parameters, in lower case. Throws MANIFEST_INVALID when there is none. */
export function bareMediaType(contentType: string): string {
  const end = contentType.indexOf(';');
  const bare = (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (!MEDIA_TYPE.test(bare)) throw manifestInvalid('the Content-Type is not a media type', { contentType });
  return bare;
}
