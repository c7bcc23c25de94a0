import { type Descriptor, parseDescriptor } from './descriptor.js';
import { type Digest, digestOf } from './digest.js';
import { manifestInvalid } from './errors.js';
import { hasField, type JsonObject, list, optionalMediaType, optionalText, optionalTextMap } from './json-field.js';
import { parseManifestJson } from './manifest-json.js';
import {
  bareMediaType,
  isArtifactManifestMediaType,
  isImageManifestMediaType,
  isIndexMediaType,
  isNonDistributableMediaType,
  isSchema1MediaType,
  isUnspecificMediaType,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-types.js';

/** What a manifest's media type makes of it; `opaque` is a type we do not know, stored but not traced. */
export type ManifestKind = 'image' | 'index' | 'artifact' | 'opaque';

/** What we read in a manifest; the bytes themselves are stored and served verbatim. */
export interface ParsedManifest {
  /** The sha256 of the bytes; for a push under a sha512 reference compare that digest separately. */
  readonly digest: Digest;
  /** As in the Content-Type, without parameters, lower case; where that says nothing, the body's own. */
  readonly mediaType: string;
  readonly size: number;
  readonly kind: ManifestKind;
  readonly config?: Descriptor;
  readonly layers: readonly Descriptor[];
  /**
   * What must exist as a blob, each digest once: config, layers, artifact blobs. Not what lives elsewhere (`urls`,
   * non-distributable): such a layer is in `layers` only, and may exist here nevertheless.
   */
  readonly blobs: readonly Descriptor[];
  /** The children of an index. One that is not `isManifestMediaType` is a blob (BuildKit cache): the caller decides. */
  readonly manifests: readonly Descriptor[];
  /** The manifest this one refers to; it need not exist. */
  readonly subject?: Descriptor;
  /** As the referrers list shows it: the manifest's own, else an image's config type, else none. At most 255 characters. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Limits of `parseManifest`. */
export interface ParseManifestOptions {
  /** Most descriptors in one manifest, 10,000 unless given. */
  readonly maxDescriptors?: number;
}

const DEFAULT_MAX_DESCRIPTORS = 10_000;
const LIST_OF = { image: 'layers', index: 'manifests', artifact: 'blobs' } as const;

/**
 * Reads and validates a pushed manifest. A Content-Type that is empty or says nothing of manifests (`application/json`,
 * what a client sends by default) means: go by the body. Throws MANIFEST_INVALID, and only that, whatever the bytes. Bounds: 100 levels, 10,000 descriptors; the caller bounds the bytes. Spec: image-spec
 * "Image Manifest" and "Image Index", distribution-spec "Pushing Manifests" (end-7).
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  options: ParseManifestOptions = {},
): ParsedManifest {
  const body = parseManifestJson(bytes);
  refuseAmbiguity(body);
  const mediaType = manifestMediaType(body, contentType);
  const kind = manifestKind(mediaType);
  refuseOtherSchema(body, kind);
  refuseTooMany(body, kind, options.maxDescriptors ?? DEFAULT_MAX_DESCRIPTORS);
  return { digest: digestOf(bytes), mediaType, size: bytes.byteLength, kind, ...contents(body, kind) };
}

type Contents = Omit<ParsedManifest, 'digest' | 'mediaType' | 'size' | 'kind'>;

function contents(body: JsonObject, kind: ManifestKind): Contents {
  const references = kind === 'opaque' ? { layers: [], blobs: [], manifests: [] } : tracedReferences(body, kind);
  const annotations = kind === 'opaque' ? undefined : optionalTextMap(body, 'annotations', 'manifest');
  const artifactType = kind === 'opaque' ? undefined : optionalMediaType(body, 'artifactType', 'manifest');
  const effective = artifactType ?? references.config?.mediaType;
  return {
    ...references,
    ...(effective !== undefined && { artifactType: effective }),
    ...(annotations && { annotations }),
  };
}

function tracedReferences(body: JsonObject, kind: ManifestKind): Omit<Contents, 'artifactType' | 'annotations'> {
  const subject = hasField(body, 'subject') ? { subject: parseDescriptor(body.subject, 'subject') } : {};
  if (kind === 'index') return { layers: [], blobs: [], manifests: descriptors(body, 'manifests'), ...subject };
  if (kind === 'artifact') {
    return { layers: [], blobs: requiredBlobs(descriptors(body, 'blobs')), manifests: [], ...subject };
  }
  const config = parseDescriptor(body.config, 'config');
  const layers = descriptors(body, 'layers');
  return { config, layers, blobs: requiredBlobs(layers, config), manifests: [], ...subject };
}

function descriptors(body: JsonObject, key: string): Descriptor[] {
  return list(body, key, 'manifest').map((entry, index) => parseDescriptor(entry, `${key}[${index}]`));
}

/** Each blob once: the same layer may occur twice, but not with two sizes. */
function requiredBlobs(candidates: readonly Descriptor[], config?: Descriptor): Descriptor[] {
  const blobs = new Map<Digest, Descriptor>();
  for (const blob of [...(config ? [config] : []), ...candidates.filter((candidate) => !livesElsewhere(candidate))]) {
    const twin = blobs.get(blob.digest);
    if (twin && twin.size !== blob.size) throw manifestInvalid('one digest has two sizes', { digest: blob.digest });
    if (!twin) blobs.set(blob.digest, blob);
  }
  return [...blobs.values()];
}

function livesElsewhere({ mediaType, urls }: Descriptor): boolean {
  return isNonDistributableMediaType(mediaType) || (urls !== undefined && urls.length > 0);
}

/** The Content-Type decides; a media type in the body must agree with it. Without either, the fields do. */
function manifestMediaType(body: JsonObject, contentType: string | undefined): string {
  const declared = declaredMediaType(contentType);
  const inBody = optionalText(body, 'mediaType', 'manifest')?.toLowerCase();
  refuseSchema1(body, declared ?? inBody);
  if (declared === undefined) return inBody === undefined ? inferredMediaType(body) : bareMediaType(inBody);
  if (inBody !== undefined && inBody !== declared) {
    throw manifestInvalid('mediaType differs from the Content-Type', { mediaType: inBody, contentType: declared });
  }
  return declared;
}

function declaredMediaType(contentType: string | undefined): string | undefined {
  const declared = contentType ? bareMediaType(contentType) : undefined;
  return declared !== undefined && isUnspecificMediaType(declared) ? undefined : declared;
}

function inferredMediaType(body: JsonObject): string {
  if (hasField(body, 'manifests')) return OCI_IMAGE_INDEX;
  if (hasField(body, 'config') || hasField(body, 'layers')) return OCI_IMAGE_MANIFEST;
  throw manifestInvalid('neither a Content-Type nor a mediaType says what it is');
}

function manifestKind(mediaType: string): ManifestKind {
  if (isImageManifestMediaType(mediaType)) return 'image';
  if (isIndexMediaType(mediaType)) return 'index';
  return isArtifactManifestMediaType(mediaType) ? 'artifact' : 'opaque';
}

/** Schema 1 often comes as `application/json`, so its fields tell it as well. */
function refuseSchema1(body: JsonObject, mediaType: string | undefined): void {
  const isDeclared = mediaType !== undefined && isSchema1MediaType(mediaType);
  if (isDeclared || (body.schemaVersion === 1 && hasField(body, 'fsLayers'))) {
    throw manifestInvalid('image manifests of schema 1 are not accepted, push schema 2 or OCI');
  }
}

/** A body that is an image to one client and an index to another (CVE-2021-41190). */
function refuseAmbiguity(body: JsonObject): void {
  if (hasField(body, 'manifests') && (hasField(body, 'layers') || hasField(body, 'config'))) {
    throw manifestInvalid('it has both manifests and layers or config');
  }
}

/** Image and index have schemaVersion 2 and none of the other's fields. */
function refuseOtherSchema(body: JsonObject, kind: ManifestKind): void {
  if (kind !== 'image' && kind !== 'index') return;
  if (body.schemaVersion !== 2) throw manifestInvalid('schemaVersion is not 2', { schemaVersion: body.schemaVersion });
  const foreign = kind === 'image' ? ['manifests'] : ['layers', 'config'];
  const found = foreign.find((key) => hasField(body, key));
  if (found !== undefined) throw manifestInvalid(`the field "${found}" does not belong in this type`);
}

/** Before any descriptor is read, so that a million of them cost one look at the length. */
function refuseTooMany(body: JsonObject, kind: ManifestKind, limit: number): void {
  if (kind === 'opaque') return;
  const single = ['config', 'subject'].filter((key) => hasField(body, key)).length;
  const count = list(body, LIST_OF[kind], 'manifest').length + single;
  if (count > limit) throw manifestInvalid(`more than ${limit} descriptors`, { descriptors: count });
}
