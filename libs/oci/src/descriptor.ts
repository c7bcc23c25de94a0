import { type Digest, digestAlgorithm, digestOf, isDigest } from './digest.js';
import { manifestInvalid } from './errors.js';
import {
  isJsonObject,
  type JsonObject,
  optionalText,
  optionalTextMap,
  optionalTexts,
  requiredMediaType,
} from './json-field.js';

/** The machine an index child is for. Spec: image-spec "Image Index Property Descriptions". */
export interface Platform {
  readonly architecture?: string;
  readonly os?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly variant?: string;
}

/** A typed, sized pointer to content. Unknown fields are left out. Spec: image-spec "OCI Content Descriptors". */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  /** The content itself in base64; agrees with digest and size. */
  readonly data?: string;
  readonly platform?: Platform;
}

/**
 * The descriptor in a JSON value; `where` names it in the error. Throws MANIFEST_INVALID when media type, digest or
 * size is missing or malformed, the size is no integer from 0 to 2^53-1, or `data` does not match.
 */
export function parseDescriptor(value: unknown, where = 'descriptor'): Descriptor {
  if (!isJsonObject(value)) throw manifestInvalid('a descriptor is not an object', { field: where });
  const descriptor = {
    mediaType: requiredMediaType(value, 'mediaType', where),
    digest: digestField(value, where),
    size: sizeField(value, where),
  };
  const urls = optionalTexts(value, 'urls', where);
  const annotations = optionalTextMap(value, 'annotations', where);
  const artifactType = optionalText(value, 'artifactType', where);
  const data = dataField(value, descriptor, where);
  const platform = platformField(value, where);
  return {
    ...descriptor,
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    ...(artifactType !== undefined && { artifactType }),
    ...(data !== undefined && { data }),
    ...(platform && { platform }),
  };
}

function digestField(object: JsonObject, where: string): Digest {
  const { digest } = object;
  if (!isDigest(digest))
    throw manifestInvalid('a descriptor has no valid digest', { field: `${where}.digest`, digest });
  return digest;
}

function sizeField(object: JsonObject, where: string): number {
  const { size } = object;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw manifestInvalid('a descriptor has no valid size', { field: `${where}.size`, size });
  }
  return size === 0 ? 0 : size; // -0 is 0
}

function dataField(object: JsonObject, target: { digest: Digest; size: number }, where: string): string | undefined {
  const { data } = object;
  if (data === undefined || data === null) return undefined;
  if (typeof data !== 'string' || !dataMatches(data, target)) {
    throw manifestInvalid('the data of a descriptor does not match its digest and size', { field: `${where}.data` });
  }
  return data;
}

/** The length first, so that little is decoded in vain; encoding again shows whether it was base64 and nothing else. */
function dataMatches(data: string, { digest, size }: { digest: Digest; size: number }): boolean {
  if (data.length !== 4 * Math.ceil(size / 3)) return false;
  const bytes = Buffer.from(data, 'base64');
  return (
    bytes.byteLength === size &&
    bytes.toString('base64') === data &&
    digestOf(bytes, digestAlgorithm(digest)) === digest
  );
}

function platformField(object: JsonObject, where: string): Platform | undefined {
  const { platform } = object;
  if (platform === undefined || platform === null) return undefined;
  const field = `${where}.platform`;
  if (!isJsonObject(platform)) throw manifestInvalid('a platform is not an object', { field });
  const known = {
    architecture: optionalText(platform, 'architecture', field),
    os: optionalText(platform, 'os', field),
    'os.version': optionalText(platform, 'os.version', field),
    'os.features': optionalTexts(platform, 'os.features', field),
    variant: optionalText(platform, 'variant', field),
  };
  return Object.fromEntries(Object.entries(known).filter(([, entry]) => entry !== undefined));
}
