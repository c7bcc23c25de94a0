import { DELETE_MANIFEST, GET_MANIFEST, PUT_MANIFEST } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { Digest, Reference } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import { readBody } from '../http/read-body.js';
import { contentDigest, immutable, isNotModified } from './content-headers.js';
import { ManifestCache } from './manifest-cache.js';
import { header, type RegistryRequest } from './registry-request.js';

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
  ) {}

  /** GET, and HEAD without the body. The stored type is answered whatever Accept says: nothing is ever converted. */
  async get(request: RegistryRequest, reference: Reference): Promise<void> {
    const { reply } = request;
    const { digest, mediaType, size, payload } = await this.find(request, reference);
    if (reference.kind === 'digest') immutable(reply, digest);
    else contentDigest(reply, digest);
    if (isNotModified(request, digest)) return void (await reply.status(304).send());
    reply.status(200).header('content-type', mediaType).header('content-length', size);
    await reply.send(request.raw.method === 'HEAD' ? undefined : payload);
  }

  async put(request: RegistryRequest, reference: Reference): Promise<void> {
    const { name, caller, reply } = request;
    const payload = await readBody(request.raw, this.settings.maxManifestBytes);
    const { digest, subject } = await this.bus.request(PUT_MANIFEST, {
      repository: name.repository,
      reference: text(reference),
      contentType: (header(request, 'content-type') ?? '').slice(0, CONTENT_TYPE_MATTERS),
      payload: payload.toString('base64'),
      ...(caller.userId !== undefined && { userId: caller.userId }),
    });
    reply.header('location', this.publicUrl.location(`/v2/${name.spelled}/manifests/${digest}`));
    if (subject) reply.header('oci-subject', subject);
    await reply.status(201).header('docker-content-digest', digest).header('content-length', 0).send();
  }

  async delete(request: RegistryRequest, reference: Reference): Promise<void> {
    const { repository } = request.name;
    await this.bus.request(DELETE_MANIFEST, { repository, reference: text(reference) });
    await request.reply.status(202).header('content-length', 0).send();
  }

  /** One question: whether the repository has it now. The bytes come along only where they are not known by their digest. */
  private async find({ name, raw }: RegistryRequest, reference: Reference): Promise<FoundManifest> {
    const { repository } = name;
    const known = this.cache.knownFor(repository, reference);
    const found = await this.bus.request(GET_MANIFEST, { repository, reference: text(reference), known });
    const payload = found.payload === null ? this.cache.get(found.digest) : Buffer.from(found.payload, 'base64');
    if (payload) this.cache.remember(repository, reference, found.digest, payload);
    if (payload || raw.method === 'HEAD') return { ...found, payload };
    // Evicted while the question was on its way.
    const again = await this.bus.request(GET_MANIFEST, { repository, reference: found.digest, known: [] });
    return { ...found, payload: Buffer.from(again.payload ?? '', 'base64') };
  }
}

interface FoundManifest {
  digest: Digest;
  mediaType: string;
  size: number;
  payload: Buffer | undefined;
}

const text = (reference: Reference): string => (reference.kind === 'digest' ? reference.digest : reference.tag);
