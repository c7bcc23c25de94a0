import {
  LIST_PUBLIC_REPOSITORIES,
  LIST_REPOSITORY_TAGS,
  type RepositoryViewV1,
  SHOW_REPOSITORY,
  type TagViewV1,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { Settings } from '@berth/platform';
import { contentRange, listParameters, type Page, pageOf, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { sendList } from './list-answer.js';
import { LONGEST_ORGANISATION } from './management-path.js';
import type { ManagementRequest } from './management-request.js';

interface NamedRepository {
  organisation: string;
  repository: RepositoryName;
}

/** `dockerhub`: official images, which are the public repositories of BERTH_OFFICIAL_ORGANISATION. For every user. */
@Injectable()
export class OfficialImageRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
  ) {}

  async list({ query, reply }: ManagementRequest): Promise<void> {
    const parameters = listParameters(query, ['namespace', 'image_name', 'offset', 'limit']);
    const { officialOrganisation: organisation } = this.settings;
    const { namespace = organisation, image_name: name } = parameters;
    const asked = { organisation, ...(name !== undefined && { name: name.slice(0, LONGEST_ORGANISATION) }) };
    await sendList(
      reply,
      pageOf(parameters),
      async (part) => {
        if (namespace !== organisation) return { total: 0, rows: [] };
        const { total, repositories } = await this.bus.request(LIST_PUBLIC_REPOSITORIES, { ...asked, ...part });
        return { total, rows: repositories };
      },
      (repository, total) => ({ ...shown(repository), total_range: total }),
      rangeOf,
    );
  }

  async show({ reply }: ManagementRequest, named: NamedRepository): Promise<void> {
    const repository = await this.find(named);
    await reply.send({ ...shown(repository), total_range: 1, full_description: repository.description });
  }

  async tags({ query, reply }: ManagementRequest, named: NamedRepository): Promise<void> {
    const page = pageOf(listParameters(query, ['offset', 'limit']));
    await this.find(named);
    const asked = { repository: named.repository, order: 'updatedAt', descending: true } as const;
    await sendList(
      reply,
      page,
      async (part) => {
        const { total, tags } = await this.bus.request(LIST_REPOSITORY_TAGS, { ...asked, ...part });
        return { total, rows: tags };
      },
      shownTag,
      rangeOf,
    );
  }

  /** What is no official image is as good as not there. */
  private async find({ organisation, repository }: NamedRepository): Promise<RepositoryViewV1> {
    if (organisation !== this.settings.officialOrganisation) throw new SwrError('REPOSITORY_UNKNOWN');
    const found = await this.bus.request(SHOW_REPOSITORY, { repository });
    if (!found.isPublic) throw new SwrError('REPOSITORY_UNKNOWN');
    return found;
  }
}

/** Here it names the limit, and not how many there are. */
const rangeOf = (page: Page, _count: number, total: number): string => contentRange(page, page.limit, total);

const shown = ({ id, organisation, name, description, pulls, updatedAt }: RepositoryViewV1) => ({
  id: Number(id),
  user: organisation,
  name,
  namespace: organisation,
  description,
  star_count: 0,
  pull_count: pulls,
  last_updated: time(updatedAt),
  is_collected: false,
  collection_id: 0,
});

const shownTag = ({ id, name, imageSize, updatedAt }: TagViewV1) => ({
  id: Number(id),
  name,
  size: imageSize,
  last_updated: time(updatedAt),
});

/** `2017-10-16 21:33:44`, UTC. */
const time = (text: string): string => new Date(text).toISOString().slice(0, 19).replace('T', ' ');
