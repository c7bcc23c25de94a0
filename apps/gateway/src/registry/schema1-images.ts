import { FIND_BLOB, type FoundManifestV1, GET_MANIFEST } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import {
  acceptedMediaRanges,
  type Digest,
  digestOf,
  DOCKER_SCHEMA1_SIGNED,
  generateSchema1Key,
  isImageManifestMediaType,
  isIndexMediaType,
  isSchema1MediaType,
  type ParsedManifest,
  parseManifest,
  RegistryError,
  type RepositoryName,
  schema1Child,
  schema1Config,
  signSchema1,
  type Tag,
  toSchema1,
} from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ObjectReader } from '../transfer/object-reader.js';
import { header, type RegistryRequest } from './registry-request.js';

const CACHED_BYTES = 16 * 1024 * 1024;
const IMAGES_REMEMBERED = 10_000;
const WILDCARDS = ['*/*', 'application/*'];

/** A manifest as the registry has it; the bytes are missing where nobody has asked for them yet. */
export type ManifestAtHand = Omit<FoundManifestV1, 'payload'> & { payload: Buffer | undefined };

/** A manifest as it is sent instead of the stored one. */
export interface Schema1Manifest {
  /** Of the payload without signatures, as clients of schema 1 count: not of `payload`. */
  digest: Digest;
  mediaType: string;
  size: number;
  payload: Buffer;
}

/** Known to have no schema 1 form. */
const NONE = 'none';

/**
 * Images in Docker's schema 1, signed, for clients that know nothing newer. They are made here, from a stored manifest and
 * its config, and stored nowhere: the key is this process's own. What cannot be converted is served as it is stored.
 */
@Injectable()
export class Schema1Images {
  private readonly key = generateSchema1Key();
  private readonly made = new LRUCache<string, Schema1Manifest | typeof NONE>({
    max: IMAGES_REMEMBERED,
    maxSize: CACHED_BYTES,
    sizeCalculation: (image) => (image === NONE ? 1 : image.size),
  });

  constructor(
    private readonly bus: MessageBus,
    private readonly reader: ObjectReader,
    private readonly settings: Settings,
  ) {}

  /** What to answer instead of what the tag names; null where the stored manifest is to be answered. */
  async insteadOf(stored: ManifestAtHand, request: RegistryRequest, tag: Tag): Promise<Schema1Manifest | null> {
    if (!this.isWanted(request, stored.mediaType)) return null;
    const { spelled, repository } = request.name;
    const key = `${stored.digest} ${spelled}:${tag}`;
    const known = this.made.get(key);
    if (known) return known === NONE ? null : known;
    try {
      const image = await this.make(stored, repository, spelled, tag);
      this.made.set(key, image ?? NONE);
      return image;
    } catch (error) {
      // What the manifest needs is not here: as it is stored, until it is.
      if (error instanceof RegistryError && error.status === 404) return null;
      throw error;
    }
  }

  /**
   * Where the client asks for schema 1 and would not take what is stored. By default, where the operator wants that, also
   * for a client that names no image type at all: one that names schema 2 or OCI gets digests that it can use.
   */
  private isWanted(request: RegistryRequest, storedType: string): boolean {
    if (!isImageManifestMediaType(storedType) && !isIndexMediaType(storedType)) return false;
    const accepted = acceptedMediaRanges(header(request, 'accept'));
    if (accepted.has(storedType)) return false;
    const ranges = [...accepted];
    const asks = ranges.some(isSchema1MediaType);
    if (!this.settings.schema1Default) return asks && !WILDCARDS.some((range) => accepted.has(range));
    return asks || !ranges.some((range) => isImageManifestMediaType(range) || isIndexMediaType(range));
  }

  private async make(
    stored: ManifestAtHand,
    repository: RepositoryName,
    name: string,
    tag: Tag,
  ): Promise<Schema1Manifest | null> {
    const image = await this.imageOf(await this.parsed(stored, repository), repository);
    const config = image && schema1Config(image);
    if (!config) return null;
    const blob = await this.bus.request(FIND_BLOB, { repository, digest: config.digest, lease: false });
    // The size that was bounded is the one that the manifest states.
    const bytes = blob.size === config.size ? await this.reader.readWhole(blob) : null;
    const payload = bytes && toSchema1({ name, tag, layers: image.layers, config: bytes });
    if (!payload) return null;
    const signed = signSchema1(payload, this.key);
    return { digest: digestOf(payload), mediaType: DOCKER_SCHEMA1_SIGNED, size: signed.length, payload: signed };
  }

  /** The image itself, or that of an index for linux/amd64. */
  private async imageOf(manifest: ParsedManifest, repository: RepositoryName): Promise<ParsedManifest | null> {
    if (manifest.kind !== 'index') return manifest;
    const child = schema1Child(manifest);
    return child && this.parsed({ ...child, payload: undefined }, repository);
  }

  private async parsed(
    { digest, mediaType, payload }: Pick<ManifestAtHand, 'digest' | 'mediaType' | 'payload'>,
    repository: RepositoryName,
  ): Promise<ParsedManifest> {
    if (payload) return parseManifest(payload, mediaType);
    const found = await this.bus.request(GET_MANIFEST, { repository, reference: digest, known: [] });
    return parseManifest(Buffer.from(found.payload ?? '', 'base64'), found.mediaType);
  }
}
