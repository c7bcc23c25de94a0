import { LIST_READABLE_REPOSITORIES, MAX_REPOSITORIES_PER_PAGE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { nextLink } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { pageOf } from './pagination.js';
import { readerOf, type RegistryRequest } from './registry-request.js';

/** The catalog: which repositories there are, as far as the caller may pull them. Spec: Docker Registry HTTP API V2. */
@Injectable()
export class CatalogRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ caller, query, reply }: Omit<RegistryRequest, 'name'>): Promise<void> {
    const page = pageOf(query, MAX_REPOSITORIES_PER_PAGE, 'PAGINATION_NUMBER_INVALID');
    const { repositories, more } = await this.bus.request(LIST_READABLE_REPOSITORIES, { ...readerOf(caller), ...page });
    const last = repositories.at(-1);
    if (more && last !== undefined) reply.header('link', nextLink('/v2/_catalog', { n: page.limit, last }));
    await reply.send({ repositories });
  }
}
