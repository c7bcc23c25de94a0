import {
  LIST_REPOSITORIES,
  type ListRepositoriesV1,
  type RepositoryViewV1,
  SHOW_OVERVIEW,
  SHOW_REPOSITORY,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { formatTimestamp, listParameters, orderOf, pageOf, parseCategory, SwrError, wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import { sendList } from './list-answer.js';
import { LONGEST_ORGANISATION } from './management-path.js';
import type { ManagementRequest } from './management-request.js';

/** Most tags that a list shows of each repository. */
const TAGS_SHOWN = 100;
const PARAMETERS = [
  ...(['center', 'namespace', 'name', 'category', 'is_public'] as const),
  ...(['limit', 'offset', 'order_column', 'order_type'] as const),
] as const;
/** What clients of all times call them. */
const COLUMNS = {
  updated_at: 'updatedAt',
  updated_time: 'updatedAt',
  name: 'name',
  namespace: 'path',
  tag_count: 'tagCount',
  is_public: 'isPublic',
} as const satisfies Record<string, ListRepositoriesV1['order']>;

/** Lists of repositories, what is shown of one, and the account in all. */
@Injectable()
export class RepositoryListRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** Those of the account that the user may read by a permission. */
  async list({ actor, query, reply }: ManagementRequest): Promise<void> {
    const parameters = listParameters(query, PARAMETERS);
    if (parameters.center !== undefined && parameters.center !== 'self') {
      throw new SwrError('QUERY_INVALID', 'center must be self');
    }
    const page = pageOf(parameters);
    const { column, direction } = orderOf<ListRepositoriesV1['order']>(parameters, COLUMNS, {
      column: 'updatedAt',
      direction: 'desc',
    });
    const asked = { actor, ...filterOf(parameters), order: column, descending: direction === 'desc', tags: TAGS_SHOWN };
    const host = this.publicUrl.host(reply.request.raw);
    await sendList(
      reply,
      page,
      async (part) => {
        const { total, repositories } = await this.bus.request(LIST_REPOSITORIES, { ...asked, ...part });
        return { total, rows: repositories };
      },
      (repository, total) => listed(repository, host, total),
    );
  }

  async show({ reply }: ManagementRequest, { repository }: { repository: RepositoryName }): Promise<void> {
    const found = await this.bus.request(SHOW_REPOSITORY, { repository });
    const host = this.publicUrl.host(reply.request.raw);
    const { id, organisationId, accountId, createdAt, updatedAt } = found;
    await reply.send({
      id: Number(id),
      ns_id: Number(organisationId),
      ...described(found),
      ...addressOf(found, host),
      created: time(createdAt),
      updated: time(updatedAt),
      domain_id: wireId(accountId),
      priority: 0,
    });
  }

  async overview({ actor, reply }: ManagementRequest): Promise<void> {
    const { organisations, repositories, tags, size } = await this.bus.request(SHOW_OVERVIEW, {
      accountId: actor.accountId,
    });
    await reply.send({
      domain_id: wireId(actor.accountId),
      domain_name: actor.accountName,
      // Spelled so by SWR.
      namspace_num: organisations,
      repo_num: repositories,
      image_num: tags,
      store_space: size,
    });
  }
}

type Parameters = Partial<Record<(typeof PARAMETERS)[number], string>>;

function filterOf({ namespace, name, category, is_public }: Parameters) {
  if (is_public !== undefined && is_public !== 'true' && is_public !== 'false') {
    throw new SwrError('QUERY_INVALID', 'is_public must be true or false');
  }
  return {
    ...(namespace !== undefined && { organisation: possible(namespace) }),
    ...(name !== undefined && { name: possible(name) }),
    ...(category !== undefined && { category: categoryIn(category) }),
    ...(is_public !== undefined && { isPublic: is_public === 'true' }),
  };
}

/** No name is longer: what is cut off finds as little as all of it. */
const possible = (part: string): string => part.slice(0, LONGEST_ORGANISATION);

function categoryIn(text: string): string {
  try {
    return parseCategory(text);
  } catch (error) {
    throw error instanceof SwrError ? new SwrError('QUERY_INVALID', error.message) : error;
  }
}

const listed = (repository: RepositoryViewV1, host: string, total: number) => ({
  ...described(repository),
  created_at: time(repository.createdAt),
  updated_at: time(repository.updatedAt),
  logo: '',
  ...addressOf(repository, host),
  domain_name: repository.accountName,
  namespace: repository.organisation,
  tags: repository.tags,
  status: false,
  total_range: total,
});

const described = ({ name, category, description, size, isPublic, tagCount }: RepositoryViewV1) => ({
  name,
  category,
  description,
  size,
  is_public: isPublic,
  num_images: tagCount,
});

function addressOf({ organisation, name }: RepositoryViewV1, host: string) {
  const path = `${host}/${organisation}/${name}`;
  return { url: '', path, internal_path: path };
}

const time = (text: string): string => formatTimestamp(new Date(text));
