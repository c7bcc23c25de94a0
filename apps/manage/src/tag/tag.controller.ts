import {
  LIST_REPOSITORY_TAGS,
  ListRepositoryTagsV1,
  SHOW_TAG,
  ShowTagV1,
  type TagViewPageV1,
  type TagViewV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { TagListStore, type TagRow } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

/** Tags as the management API shows them, with the manifests that they name. */
@Controller()
export class TagController {
  constructor(private readonly tags: TagListStore) {}

  @Answers(LIST_REPOSITORY_TAGS)
  async list(@Payload() query: ListRepositoryTagsV1): Promise<TagViewPageV1> {
    const page = await this.tags.list(query);
    if (!page) throw new SwrError('REPOSITORY_UNKNOWN');
    return { total: page.total, tags: page.tags.map(view) };
  }

  @Answers(SHOW_TAG)
  async show(@Payload() { repository, tag }: ShowTagV1): Promise<TagViewV1> {
    const found = await this.tags.find(repository, tag);
    if (!found) throw new SwrError('TAG_UNKNOWN');
    return view(found);
  }
}

const view = ({ createdAt, updatedAt, payload, ...row }: TagRow): TagViewV1 => ({
  ...row,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
  payload: payload.toString('base64'),
});
