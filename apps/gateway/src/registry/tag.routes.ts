import { LIST_TAGS, MAX_TAGS_PER_PAGE } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { nextLink, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import type { RegistryRequest } from './registry-request.js';

const DEFAULT_PAGE = 1_000;
/** Longer than any tag, so that what is cut off behind it changes no order. */
const LAST_MATTERS = 256;

/** Tags: end-8a, end-8b. */
@Injectable()
export class TagRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ name, query, reply }: RegistryRequest): Promise<void> {
    const limit = pageSize(query.get('n'));
    const after = lastOf(query);
    const { tags, more } = await this.bus.request(LIST_TAGS, { repository: name.repository, after, limit });
    const last = tags.at(-1);
    if (more && last !== undefined) reply.header('link', nextLink(`/v2/${name.spelled}/tags/list`, { n: limit, last }));
    await reply.send({ name: name.spelled, tags });
  }
}

function pageSize(n: string | null): number {
  if (n === null) return DEFAULT_PAGE;
  if (!/^\d{1,9}$/.test(n)) throw registryError('PAGINATION_NUMBER_INVALID', { n });
  return Math.min(Number(n), MAX_TAGS_PER_PAGE);
}

/** `last` need not be a tag. No tag holds a NUL, and every character of tags sorts behind it: what follows one is void. */
const lastOf = (query: URLSearchParams): string => (query.get('last') ?? '').split('\0', 1)[0]!.slice(0, LAST_MATTERS);
