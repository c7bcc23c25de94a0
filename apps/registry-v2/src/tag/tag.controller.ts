import { LIST_TAGS, ListTagsV1, RETAG, RetagV1, type TagPageV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { RepositoryStore, TagStore } from '@berth/metadata';
import { type Digest, registryError } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Retag } from './retag.js';

@Controller()
export class TagController {
  constructor(
    private readonly tags: TagStore,
    private readonly repositories: RepositoryStore,
    private readonly retagging: Retag,
  ) {}

  @Answers(LIST_TAGS)
  async list(@Payload() { repository, after, limit }: ListTagsV1): Promise<TagPageV1> {
    const found = await this.tags.list(repository, after, limit + 1);
    if (found.length === 0 && !(await this.repositories.exists(repository))) {
      throw registryError('NAME_UNKNOWN', { name: repository });
    }
    return { tags: found.slice(0, limit), more: found.length > limit };
  }

  @Answers(RETAG)
  retag(@Payload() request: RetagV1): Promise<{ digest: Digest }> {
    return this.retagging.run(request);
  }
}
