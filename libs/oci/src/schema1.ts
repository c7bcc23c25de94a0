import { createHash } from 'node:crypto';
import type { Descriptor } from './descriptor.js';
import { type Digest, digestHex } from './digest.js';
import { RegistryError } from './errors.js';
import { hasField, isJsonObject, type JsonObject } from './json-field.js';
import type { ParsedManifest } from './manifest.js';
import { parseJsonObject } from './manifest-json.js';
import {
  DOCKER_IMAGE_CONFIG,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  isImageManifestMediaType,
  OCI_IMAGE_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
} from './media-types.js';
import type { Tag } from './tag.js';

/** A larger config is not converted: real ones have a few KiB. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
/** Most entries of a history that is converted; Docker's images have 127 layers at most. */
const MAX_HISTORY = 10_000;

const CONFIGS = new Set([DOCKER_IMAGE_CONFIG, OCI_IMAGE_CONFIG]);
/** What an engine of schema 1 unpacks. */
const LAYERS = new Set([DOCKER_LAYER, DOCKER_LAYER_GZIP, OCI_LAYER, OCI_LAYER_GZIP]);

/** Stands in schema 1 for a step that changed no file: an empty tar, gzipped. Every client of schema 1 knows it. */
export const SCHEMA1_EMPTY_LAYER = Buffer.from(
  '1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000',
  'hex',
);
export const SCHEMA1_EMPTY_LAYER_DIGEST =
  'sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4' as Digest;

/** An image, for `toSchema1`. */
export interface Schema1Source {
  /** The repository as the request spells it. */
  readonly name: string;
  readonly tag: Tag;
  readonly layers: readonly Descriptor[];
  /** The bytes of the config, whatever they are: a client made them. */
  readonly config: Uint8Array;
}

/**
 * The config to read before `toSchema1`, or null where the manifest has no schema 1 form: it is no image of Docker or
 * OCI, its config is no image config or larger than 4 MiB, or a layer is no tar, plain or gzipped, or lives elsewhere.
 */
export function schema1Config({ kind, config, layers }: ParsedManifest): Descriptor | null {
  if (kind !== 'image' || !config || !CONFIGS.has(config.mediaType) || config.size > MAX_CONFIG_BYTES) return null;
  return layers.every(({ mediaType, urls }) => LAYERS.has(mediaType) && !urls?.length) ? config : null;
}

/** The image for linux/amd64 among the children of an index, which is what every client of schema 1 ran on. */
export function schema1Child({ manifests }: ParsedManifest): Descriptor | null {
  const isIt = ({ mediaType, platform }: Descriptor) =>
    isImageManifestMediaType(mediaType) && platform?.os === 'linux' && platform.architecture === 'amd64';
  return manifests.find(isIt) ?? null;
}

/**
 * The payload of the image's schema 1 manifest, without signatures: the same bytes for the same image, name and tag,
 * wherever it is made. Null where the config does not describe these layers, is not JSON, is deeper than 100 levels, has a
 * field of the wrong type or more than 10,000 steps. Never throws. Ids are made as Docker's registry makes them.
 * Spec: distribution, "Image Manifest Version 2, Schema 1".
 */
export function toSchema1({ name, tag, layers, config }: Schema1Source): Buffer | null {
  const image = readConfig(config, layers.length);
  if (!image) return null;
  const steps = stepsOf(image, layers);
  if (!steps) return null;
  const manifest = {
    schemaVersion: 1,
    name,
    tag,
    architecture: image.architecture,
    fsLayers: steps.map(({ blobSum }) => ({ blobSum })).reverse(),
    history: v1Histories(steps, image, config)
      .map((v1) => ({ v1Compatibility: JSON.stringify(v1) }))
      .reverse(),
  };
  return Buffer.from(JSON.stringify(manifest, null, 3));
}

interface ImageConfig {
  readonly architecture: string;
  readonly history: readonly HistoryEntry[];
  readonly body: JsonObject;
}

interface HistoryEntry {
  readonly created?: string;
  readonly author?: string;
  readonly createdBy?: string;
  readonly comment?: string;
  readonly isEmpty: boolean;
}

interface Step extends HistoryEntry {
  readonly blobSum: Digest;
}

/** Where no step is told, each layer is one: the history is optional in OCI. */
function readConfig(bytes: Uint8Array, layers: number): ImageConfig | null {
  const body = bytes.byteLength <= MAX_CONFIG_BYTES ? jsonObject(bytes) : null;
  if (!body || !isJsonObject(body.rootfs)) return null;
  const { diff_ids: diffIds } = body.rootfs;
  const architecture = textOf(body, 'architecture') ?? '';
  const history = hasField(body, 'history') ? body.history : [];
  if (architecture === WRONG || !Array.isArray(diffIds) || diffIds.length !== layers || !Array.isArray(history)) {
    return null;
  }
  if (history.length > MAX_HISTORY) return null;
  if (history.length === 0) return { architecture, history: Array.from({ length: layers }, () => LAYER), body };
  const entries = history.map(historyEntry);
  return entries.every((entry) => entry !== null) ? { architecture, history: entries, body } : null;
}

const LAYER: HistoryEntry = { isEmpty: false };

function historyEntry(value: unknown): HistoryEntry | null {
  if (!isJsonObject(value)) return null;
  const isEmpty = hasField(value, 'empty_layer') ? value.empty_layer : false;
  const texts = ['created', 'author', 'created_by', 'comment'].map((key) => textOf(value, key));
  if (typeof isEmpty !== 'boolean' || texts.includes(WRONG)) return null;
  const [created, author, createdBy, comment] = texts as (string | undefined)[];
  return {
    ...(created && { created }),
    ...(author && { author }),
    ...(createdBy && { createdBy }),
    ...(comment && { comment }),
    isEmpty,
  };
}

/** Oldest first; null where there are not as many layers as steps that made one, or no step at all. */
function stepsOf({ history }: ImageConfig, layers: readonly Descriptor[]): Step[] | null {
  if (history.length === 0 || history.filter(({ isEmpty }) => !isEmpty).length !== layers.length) return null;
  let next = 0;
  return history.map((entry) => ({
    ...entry,
    blobSum: entry.isEmpty ? SCHEMA1_EMPTY_LAYER_DIGEST : layers[next++]!.digest,
  }));
}

/** An image of Docker 1.9 for each step: the newest is the config itself, those below only name their parent. */
function v1Histories(steps: readonly Step[], { body }: ImageConfig, config: Uint8Array): object[] {
  let parent = '';
  return steps.map((step, position) => {
    const { created, author, createdBy, comment, isEmpty, blobSum } = step;
    const isNewest = position === steps.length - 1;
    const id = v1Id(blobSum, parent, isNewest ? config : undefined);
    const chain = { id, ...(parent && { parent }) };
    const throwaway = isEmpty ? { throwaway: true } : {};
    parent = id;
    if (isNewest) return { ...withoutChain(body), ...chain, ...throwaway };
    return {
      ...chain,
      ...(comment && { comment }),
      created: created ?? BEGINNING,
      container_config: { Cmd: [createdBy ?? ''] },
      ...(author && { author }),
      ...throwaway,
    };
  });
}

/** Go's time zero, which is how Docker's registry says that a time is not known. */
const BEGINNING = '0001-01-01T00:00:00Z';

function v1Id(blobSum: Digest, parent: string, config: Uint8Array | undefined): string {
  const hash = createHash('sha256').update(`${digestHex(blobSum)} ${parent}`);
  return (config ? hash.update(' ').update(config) : hash).digest('hex');
}

/** The fields that schema 1 does not know or says itself are left out, `__proto__` stays the plain key that it is. */
function withoutChain(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !OUTSIDE_OR_OWN.has(key)));
}

const OUTSIDE_OR_OWN = new Set(['rootfs', 'history', 'id', 'parent', 'throwaway']);

const WRONG = Symbol('not a text');

function textOf(object: JsonObject, key: string): string | undefined | typeof WRONG {
  if (!hasField(object, key)) return undefined;
  const value = object[key];
  return typeof value === 'string' ? value : WRONG;
}

function jsonObject(bytes: Uint8Array): JsonObject | null {
  try {
    return parseJsonObject(bytes);
  } catch (error) {
    if (error instanceof RegistryError) return null;
    throw error;
  }
}
