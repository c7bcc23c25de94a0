import {
  LIST_REPOSITORIES,
  LIST_SHARED_REPOSITORIES,
  type ListRepositoriesV1,
  type ListSharedRepositoriesV1,
  MAX_TAGS_SHOWN,
  MAX_VIEWS_PER_PAGE,
  type RepositoryViewV1,
  SHOW_OVERVIEW,
  SHOW_REPOSITORY,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import {
  formatTimestamp,
  listParameters,
  orderOf,
  type Page,
  pageOf,
  parseCategory,
  SwrError,
  wireId,
} from '@berth/swr';
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

const SHARED_PARAMETERS = [...PARAMETERS, 'domain_name', 'status'] as const;
const SHARED_COLUMNS = {
  ...COLUMNS,
  domain_name: 'accountName',
} as const satisfies Record<string, ListSharedRepositoriesV1['order']>;
/** Who shares: the account of the user, or others with it. */
const CENTERS = { self: 'byAccount', thirdparty: 'withAccount' } as const;
const LONGEST_ACCOUNT = 256;

/** Lists of repositories, what is shown of one, and the account in all. */
@Injectable()
export class RepositoryListRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** Those of the account that the user may read by a permission; with `center=thirdparty` those that others share with it. */
  async list(request: ManagementRequest): Promise<void> {
    const parameters = listParameters(request.query, PARAMETERS);
    if (centerOf(parameters) === 'withAccount') return this.sendShared(request, parameters);
    return this.sendOwn(request, parameters, { page: pageOf(parameters), tags: TAGS_SHOWN });
  }

  /** As a replication reads them, at once and with all tags: a message holds so many. */
  async listForReplication(request: ManagementRequest): Promise<void> {
    const parameters = listParameters(request.query, PARAMETERS);
    if (centerOf(parameters) === 'withAccount') throw new SwrError('QUERY_INVALID', 'center must be self');
    const { limit = MAX_VIEWS_PER_PAGE } = parameters;
    const page = { ...pageOf(parameters), limit: pageOf({ limit: String(limit) }).limit };
    return this.sendOwn(request, parameters, { page, tags: MAX_TAGS_SHOWN });
  }

  /** Those that the account shares and the user may read by a permission, or that others share with it. */
  async listShared(request: ManagementRequest): Promise<void> {
    return this.sendShared(request, listParameters(request.query, SHARED_PARAMETERS));
  }

  private async sendOwn(
    { actor, reply }: ManagementRequest,
    parameters: Parameters,
    { page, tags }: { page: Page; tags: number },
  ): Promise<void> {
    const { column, direction } = orderOf<ListRepositoriesV1['order']>(parameters, COLUMNS, {
      column: 'updatedAt',
      direction: 'desc',
    });
    const asked = { actor, ...filterOf(parameters), order: column, descending: direction === 'desc', tags };
    const host = this.publicUrl.host(reply.request.raw);
    await sendList(
      reply,
      page,
      async (part) => {
        const { total, repositories } = await this.bus.request(LIST_REPOSITORIES, { ...asked, ...part });
        return { total, rows: repositories };
      },
      (repository, total) => listed(repository, host, total, false),
    );
  }

  private async sendShared({ actor, reply }: ManagementRequest, parameters: SharedParameters): Promise<void> {
    const { column, direction } = orderOf<ListSharedRepositoriesV1['order']>(parameters, SHARED_COLUMNS, {
      column: 'updatedAt',
      direction: 'desc',
    });
    const { domain_name: accountName, status } = parameters;
    const asked: Omit<ListSharedRepositoriesV1, 'offset' | 'limit'> = {
      actor,
      shared: centerOf(parameters),
      ...filterOf(parameters),
      ...(accountName !== undefined && { accountName: accountName.slice(0, LONGEST_ACCOUNT) }),
      ...(status !== undefined && { isValid: booleanOf('status', status) }),
      order: column,
      descending: direction === 'desc',
      tags: TAGS_SHOWN,
    };
    const host = this.publicUrl.host(reply.request.raw);
    await sendList(
      reply,
      pageOf(parameters),
      async (part) => {
        const { total, repositories } = await this.bus.request(LIST_SHARED_REPOSITORIES, { ...asked, ...part });
        return { total, rows: repositories };
      },
      (repository, total) => listed(repository, host, total, repository.isValid),
    );
  }

  async show({ reply }: ManagementRequest, { repository }: { repository: RepositoryName }): Promise<void> {
    const found = await this.bus.request(SHOW_REPOSITORY, { repository });
    const host = this.publicUrl.host(reply.request.raw);
    const { id, organisationId, accountId, creatorId, creatorName, pulls, createdAt, updatedAt } = found;
    await reply.send({
      id: Number(id),
      ns_id: Number(organisationId),
      ...described(found),
      creator_id: wireId(creatorId),
      creator_name: creatorName,
      num_downloads: pulls,
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
type SharedParameters = Partial<Record<(typeof SHARED_PARAMETERS)[number], string>>;

function centerOf({ center = 'self' }: Parameters): ListSharedRepositoriesV1['shared'] {
  if (center !== 'self' && center !== 'thirdparty') {
    throw new SwrError('QUERY_INVALID', 'center must be self or thirdparty');
  }
  return CENTERS[center];
}

function filterOf({ namespace, name, category, is_public }: Parameters) {
  return {
    ...(namespace !== undefined && { organisation: possible(namespace) }),
    ...(name !== undefined && { name: possible(name) }),
    ...(category !== undefined && { category: categoryIn(category) }),
    ...(is_public !== undefined && { isPublic: booleanOf('is_public', is_public) }),
  };
}

function booleanOf(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new SwrError('QUERY_INVALID', `${name} must be true or false`);
  return text === 'true';
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

const listed = (repository: RepositoryViewV1, host: string, total: number, status: boolean) => ({
  ...described(repository),
  created_at: time(repository.createdAt),
  updated_at: time(repository.updatedAt),
  logo: '',
  ...addressOf(repository, host),
  domain_name: repository.accountName,
  namespace: repository.organisation,
  tags: repository.tags,
  status,
  total_range: total,
});

const described = ({ name, category, description, size, isPublic, tagCount, pulls }: RepositoryViewV1) => ({
  name,
  category,
  description,
  size,
  is_public: isPublic,
  num_images: tagCount,
  num_download: pulls,
});

function addressOf({ organisation, name }: RepositoryViewV1, host: string) {
  const path = `${host}/${organisation}/${name}`;
  return { url: '', path, internal_path: path };
}

const time = (text: string): string => formatTimestamp(new Date(text));
