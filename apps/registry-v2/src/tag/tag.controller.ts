import { LIST_TAGS, ListTagsV1, type TagPageV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { RepositoryStore, TagStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

@Controller()
export class TagController {
  constructor(
    private readonly tags: TagStore,
    private readonly repositories: RepositoryStore,
  ) {}

  @Answers(LIST_TAGS)
  async list(@Payload() { repository, after, limit }: ListTagsV1): Promise<TagPageV1> {
    const found = await this.tags.list(repository, after, limit + 1);
    if (found.length === 0 && !(await this.repositories.exists(repository))) {
      throw registryError('NAME_UNKNOWN', { name: repository });
    }
    return { tags: found.slice(0, limit), more: found.length > limit };
  }
}
