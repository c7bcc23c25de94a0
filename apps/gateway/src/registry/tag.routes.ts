import { LIST_TAGS, MAX_TAGS_PER_PAGE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { nextLink } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { pageOf } from './pagination.js';
import type { RegistryRequest } from './registry-request.js';

/** Tags: end-8a, end-8b. */
@Injectable()
export class TagRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ name, query, reply }: RegistryRequest): Promise<void> {
    const { after, limit } = pageOf(query, MAX_TAGS_PER_PAGE);
    const { tags, more } = await this.bus.request(LIST_TAGS, { repository: name.repository, after, limit });
    const last = tags.at(-1);
    if (more && last !== undefined) reply.header('link', nextLink(`/v2/${name.spelled}/tags/list`, { n: limit, last }));
    await reply.send({ name: name.spelled, tags });
  }
}
