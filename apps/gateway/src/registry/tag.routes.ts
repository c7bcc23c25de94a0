import { LIST_TAGS, MAX_TAGS_PER_PAGE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { nextLink } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { lastOf, pageSize } from './paging.js';
import type { RegistryRequest } from './registry-request.js';

const DEFAULT_PAGE = 1_000;

/** Tags: end-8a, end-8b. */
@Injectable()
export class TagRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ name, query, reply }: RegistryRequest): Promise<void> {
    const limit = pageSize(query, DEFAULT_PAGE, MAX_TAGS_PER_PAGE);
    const after = lastOf(query);
    const { tags, more } = await this.bus.request(LIST_TAGS, { repository: name.repository, after, limit });
    const last = tags.at(-1);
    if (more && last !== undefined) reply.header('link', nextLink(`/v2/${name.spelled}/tags/list`, { n: limit, last }));
    await reply.send({ name: name.spelled, tags });
  }
}
