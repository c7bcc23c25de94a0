import { LIST_REPOSITORY_TAGS, type ListRepositoryTagsV1, SHOW_TAG, type TagViewV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { digestHex, isDigest, isIndexMediaType, isTag, type RepositoryName } from '@berth/oci';
import { formatTimestamp, listParameters, orderOf, pageOf, SwrError, wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import { sendList } from './list-answer.js';
import type { ManagementRequest } from './management-request.js';

const PARAMETERS = ['tag', 'limit', 'offset', 'order_column', 'order_type'] as const;
/** What clients of all times call them. */
const COLUMNS = {
  updated_at: 'updatedAt',
  updated_time: 'updatedAt',
  tag: 'name',
} as const satisfies Record<string, ListRepositoryTagsV1['order']>;
const LONGEST_TAG = 128;
const MANIFEST = 0;
const MANIFEST_LIST = 1;

interface NamedRepository {
  organisation: string;
  repository: RepositoryName;
}

/** The tags of a repository, with the manifests that they name. */
@Injectable()
export class TagListRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly publicUrl: PublicUrl,
  ) {}

  async list({ query, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const parameters = listParameters(query, PARAMETERS);
    const page = pageOf(parameters);
    const { column, direction } = orderOf<ListRepositoryTagsV1['order']>(parameters, COLUMNS, {
      column: 'updatedAt',
      direction: 'desc',
    });
    // No tag is longer: what is cut off finds as little as all of it.
    const name = parameters.tag?.slice(0, LONGEST_TAG);
    const asked = { repository, order: column, descending: direction === 'desc', ...(name !== undefined && { name }) };
    const address = `${this.publicUrl.host(reply.request.raw)}/${repository}`;
    await sendList(
      reply,
      page,
      async (part) => {
        const { total, tags } = await this.bus.request(LIST_REPOSITORY_TAGS, { ...asked, ...part });
        return { total, rows: tags };
      },
      (tag) => shown(tag, address),
    );
  }

  async show({ reply }: ManagementRequest, { repository, tag }: NamedRepository & { tag: string }): Promise<void> {
    if (!isTag(tag)) throw new SwrError('TAG_UNKNOWN');
    const found = await this.bus.request(SHOW_TAG, { repository, tag });
    await reply.send(shown(found, `${this.publicUrl.host(reply.request.raw)}/${repository}`));
  }
}

function shown(tag: TagViewV1, address: string) {
  const manifest = Buffer.from(tag.payload, 'base64').toString('utf8');
  const { schemaVersion, config } = JSON.parse(manifest) as { schemaVersion?: number; config?: { digest?: unknown } };
  const path = `${address}:${tag.name}`;
  return {
    id: Number(tag.id),
    repo_id: Number(tag.repositoryId),
    Tag: tag.name,
    image_id: typeof config?.digest === 'string' && isDigest(config.digest) ? digestHex(config.digest) : '',
    manifest,
    digest: tag.digest,
    schema: schemaVersion ?? 2,
    path,
    internal_path: path,
    size: tag.imageSize,
    is_trusted: false,
    created: formatTimestamp(new Date(tag.createdAt)),
    updated: formatTimestamp(new Date(tag.updatedAt)),
    deleted: null,
    domain_id: wireId(tag.accountId),
    scanned: false,
    tag_type: isIndexMediaType(tag.mediaType) ? MANIFEST_LIST : MANIFEST,
  };
}
