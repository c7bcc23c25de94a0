import {
  LIST_REPOSITORIES,
  ListRepositoriesV1,
  type RepositoryViewPageV1,
  type RepositoryViewV1,
  SHOW_REPOSITORY,
  ShowRepositoryV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { type RepositoryRow, RepositoryListStore } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

/** Repositories as the management API shows them. Who may see what was decided before, but for lists. */
@Controller()
export class RepositoryController {
  constructor(private readonly repositories: RepositoryListStore) {}

  @Answers(LIST_REPOSITORIES)
  async list(@Payload() { actor, ...query }: ListRepositoriesV1): Promise<RepositoryViewPageV1> {
    const { total, repositories } = await this.repositories.list({ viewer: actor, ...query });
    return { total, repositories: repositories.map(view) };
  }

  @Answers(SHOW_REPOSITORY)
  async show(@Payload() { repository }: ShowRepositoryV1): Promise<RepositoryViewV1> {
    const found = await this.repositories.find(repository, 0);
    if (!found) throw new SwrError('REPOSITORY_UNKNOWN');
    return view(found);
  }
}

const view = ({ createdAt, updatedAt, ...row }: RepositoryRow): RepositoryViewV1 => ({
  ...row,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
