import { DELETE_MANIFEST, GET_MANIFEST, MAX_TAGS_PER_PUSH, PUT_MANIFEST } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import {
  isImageManifestMediaType,
  isSchema1MediaType,
  parseTag,
  type Reference,
  registryError,
  type Tag,
} from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import { readBody } from '../http/read-body.js';
import { contentDigest, immutable, isNotModified } from './content-headers.js';
import { preconditionOf } from './entity-tags.js';
import { ManifestCache } from './manifest-cache.js';
import { PullCounts } from './pull-counts.js';
import { header, type RegistryRequest } from './registry-request.js';
import { type ManifestAtHand, Schema1Images } from './schema1-images.js';

/** A media type is far shorter; of its parameters nothing is kept. */
const CONTENT_TYPE_MATTERS = 256;

/** Manifests: end-3, end-7, end-9. */
@Injectable()
export class ManifestRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly cache: ManifestCache,
    private readonly publicUrl: PublicUrl,
    private readonly settings: Settings,
    private readonly schema1: Schema1Images,
    private readonly pulls: PullCounts,
  ) {}

  /**
   * GET, and HEAD without the body. The stored type is answered whatever Accept says, except that a tag may be answered in
   * schema 1: what is asked for by digest must hash to it.
   */
  async get(request: RegistryRequest, reference: Reference): Promise<void> {
    const { reply } = request;
    const stored = await this.find(request, reference);
    const schema1 = reference.kind === 'tag' ? await this.schema1.insteadOf(stored, request, reference.tag) : null;
    const { digest, mediaType, size, payload } = schema1 ?? stored;
    if (reference.kind === 'digest') immutable(reply, digest);
    else contentDigest(reply, digest).header('vary', 'accept');
    // Weak: two gateways sign the same payload with two keys.
    if (schema1) reply.header('etag', `W/"${digest}"`);
    if (isNotModified(request, digest)) return void (await reply.status(304).send());
    reply.status(200).header('content-type', mediaType).header('content-length', size);
    if (request.raw.method === 'HEAD') return void (await reply.send());
    if (isImage(mediaType)) this.pulls.count(request.name.repository);
    await reply.send(payload);
  }

  /** `tag` in the query is for a push by digest (end-7b); with a tag in the path it means nothing, and is answered by nothing. */
  async put(request: RegistryRequest, reference: Reference): Promise<void> {
    const { name, caller, reply } = request;
    refuseEncoded(request);
    const tags = reference.kind === 'digest' ? tagsOf(request.query) : [];
    const precondition = reference.kind === 'tag' || tags.length > 0 ? preconditionOf(request) : undefined;
    if (precondition && tags.length > 0) throw conditionOfMany();
    const payload = await readBody(request.raw, this.settings.maxManifestBytes);
    const { digest, subject } = await this.bus.request(PUT_MANIFEST, {
      repository: name.repository,
      reference: text(reference),
      contentType: (header(request, 'content-type') ?? '').slice(0, CONTENT_TYPE_MATTERS),
      payload: payload.toString('base64'),
      ...(tags.length > 0 && { tags }),
      ...(precondition && { precondition }),
      ...(caller.userId !== undefined && { userId: caller.userId }),
    });
    reply.header('location', this.publicUrl.location(`/v2/${name.spelled}/manifests/${digest}`));
    if (subject) reply.header('oci-subject', subject);
    if (tags.length > 0) reply.header('oci-tag', tags.join(', '));
    await reply.status(201).header('docker-content-digest', digest).header('content-length', 0).send();
  }

  async delete(request: RegistryRequest, reference: Reference): Promise<void> {
    const { repository } = request.name;
    const precondition = preconditionOf(request);
    await this.bus.request(DELETE_MANIFEST, {
      repository,
      reference: text(reference),
      ...(precondition && { precondition }),
    });
    await request.reply.status(202).header('content-length', 0).send();
  }

  /** One question: whether the repository has it now. The bytes come along only where they are not known by their digest. */
  private async find({ name, caller, raw }: RegistryRequest, reference: Reference): Promise<ManifestAtHand> {
    const { repository } = name;
    const known = this.cache.knownFor(repository, reference);
    // Who may push may go on to push an index of it, or a tag: by a tag it is in use anyway.
    const lease = reference.kind === 'digest' && (await caller.may('push', repository));
    const question = { repository, reference: text(reference), known, ...(lease && { lease }) };
    const found = await this.bus.request(GET_MANIFEST, question);
    const payload = found.payload === null ? this.cache.get(found.digest) : Buffer.from(found.payload, 'base64');
    if (payload) this.cache.remember(repository, reference, found.digest, payload);
    if (payload || raw.method === 'HEAD') return { ...found, payload };
    // Evicted while the question was on its way.
    const again = await this.bus.request(GET_MANIFEST, { repository, reference: found.digest, known: [] });
    return { ...found, payload: Buffer.from(again.payload ?? '', 'base64') };
  }
}

/** Each tag once. Throws MANIFEST_INVALID for one that is malformed, and UNSUPPORTED (414) for too many. */
function tagsOf(query: URLSearchParams): Tag[] {
  const tags = query.getAll('tag');
  if (tags.length > MAX_TAGS_PER_PUSH) {
    throw registryError(
      'UNSUPPORTED',
      { tags: tags.length },
      { status: 414, message: `more than ${MAX_TAGS_PER_PUSH} tags in one push` },
    );
  }
  return [...new Set(tags.map(parseTag))];
}

/** Each tag may name something else: what a condition would be of is not told. It is refused rather than ignored. */
const conditionOfMany = () =>
  registryError('MANIFEST_INVALID', undefined, {
    message: 'If-Match and If-None-Match are for a push by tag, not for the parameter tag',
  });

/** A manifest is the bytes that its digest is of: they are not unpacked, and packed they are none. */
function refuseEncoded(request: RegistryRequest): void {
  const encoding = header(request, 'content-encoding') ?? 'identity';
  if (encoding.trim().toLowerCase() === 'identity') return;
  const message = 'a manifest is sent as it is, without a Content-Encoding';
  throw registryError('UNSUPPORTED', { encoding }, { status: 415, message });
}

/** What a pull of an image ends with: an index is on the way to one. */
const isImage = (mediaType: string): boolean => isImageManifestMediaType(mediaType) || isSchema1MediaType(mediaType);

const text = (reference: Reference): string => (reference.kind === 'digest' ? reference.digest : reference.tag);
