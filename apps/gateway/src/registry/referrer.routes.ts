import { LIST_REFERRERS, MAX_REFERRERS_PER_PAGE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { type Digest, MAX_MEDIA_TYPE_LENGTH, nextLink, OCI_IMAGE_INDEX, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { pageOf } from './pagination.js';
import type { RegistryRequest } from './registry-request.js';

/** Referrers: end-12a, end-12b. */
@Injectable()
export class ReferrerRoutes {
  constructor(private readonly bus: MessageBus) {}

  /** An image index, empty where there is nothing: neither the repository nor the subject need exist. */
  async list({ name, query, reply }: RegistryRequest, subject: Digest): Promise<void> {
    const { repository, spelled } = name;
    const { after, limit } = pageOf(query, MAX_REFERRERS_PER_PAGE);
    const artifactType = artifactTypeOf(query);
    const filter = artifactType === undefined ? {} : { artifactType };
    const page = { repository, subject, ...filter, after, limit };
    const { referrers, more } = await this.bus.request(LIST_REFERRERS, page);
    const last = referrers.at(-1)?.digest;
    if (more && last !== undefined) {
      reply.header('link', nextLink(`/v2/${spelled}/referrers/${subject}`, { ...filter, n: limit, last }));
    }
    if (artifactType !== undefined) reply.header('oci-filters-applied', 'artifactType');
    // As bytes: to the media type of an object or a text Fastify adds a charset.
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: referrers }));
    await reply.status(200).header('content-type', OCI_IMAGE_INDEX).send(index);
  }
}

/** Nothing stands for any type, as if it were not there. */
function artifactTypeOf(query: URLSearchParams): string | undefined {
  const artifactType = query.get('artifactType') || undefined;
  if (artifactType !== undefined && (artifactType.length > MAX_MEDIA_TYPE_LENGTH || artifactType.includes('\0'))) {
    throw registryError('UNSUPPORTED', { artifactType }, { status: 400, message: 'artifactType is no media type' });
  }
  return artifactType;
}
