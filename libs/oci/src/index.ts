export { acceptedMediaRanges } from './accept.js';
export { type ByteRange, parseContentRange, parseRange } from './content-range.js';
export { type Descriptor, parseDescriptor, type Platform } from './descriptor.js';
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from './digest.js';
export {
  blobTooLarge,
  type ErrorEnvelope,
  errorEnvelope,
  type OciErrorCode,
  REGISTRY_ERRORS,
  RegistryError,
  registryError,
  type RegistryErrorCode,
  type RegistryErrorLevel,
  type RegistryErrorOptions,
  type RegistryErrorRow,
  type RegistryErrorWire,
} from './errors.js';
export { MAX_MEDIA_TYPE_LENGTH } from './json-field.js';
export { nextLink } from './link-header.js';
export { type ManifestKind, type ParsedManifest, parseManifest, type ParseManifestOptions } from './manifest.js';
export {
  bareMediaType,
  DOCKER_FOREIGN_LAYER_GZIP,
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  isArtifactManifestMediaType,
  isImageManifestMediaType,
  isIndexMediaType,
  isManifestMediaType,
  isNonDistributableMediaType,
  isSchema1MediaType,
  OCI_ARTIFACT_MANIFEST,
  OCI_EMPTY,
  OCI_IMAGE_CONFIG,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_NONDISTRIBUTABLE,
  OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  OCI_LAYER_NONDISTRIBUTABLE_ZSTD,
  OCI_LAYER_ZSTD,
  ORAS_ARTIFACT_MANIFEST,
} from './media-types.js';
export { type Reference, parseReference } from './reference.js';
export {
  displayName,
  organisationOf,
  parseRepositoryName,
  repositoryRest,
  type RepositoryName,
} from './repository-name.js';
export {
  SCHEMA1_EMPTY_LAYER,
  SCHEMA1_EMPTY_LAYER_DIGEST,
  schema1Child,
  schema1Config,
  type Schema1Source,
  toSchema1,
} from './schema1.js';
export { generateSchema1Key, signSchema1 } from './schema1-signature.js';
export { formatScope, parseScope, parseScopes, type Scope } from './scope.js';
export { isTag, parseTag, type Tag } from './tag.js';
