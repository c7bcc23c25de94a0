import {
  LIST_PUBLIC_REPOSITORIES,
  LIST_REPOSITORIES,
  LIST_SHARED_REPOSITORIES,
  ListPublicRepositoriesV1,
  ListRepositoriesV1,
  ListSharedRepositoriesV1,
  type RepositoryViewPageV1,
  type RepositoryViewV1,
  type SharedRepositoryViewPageV1,
  type SharedRepositoryViewV1,
  SHOW_REPOSITORY,
  ShowRepositoryV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import {
  PublicRepositoryListStore,
  type RepositoryRow,
  RepositoryListStore,
  SharedRepositoryListStore,
  type SharedRepositoryRow,
} from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

/** Repositories as the management API shows them. Who may see what was decided before, but for lists. */
@Controller()
export class RepositoryController {
  constructor(
    private readonly repositories: RepositoryListStore,
    private readonly sharedRepositories: SharedRepositoryListStore,
    private readonly publicRepositories: PublicRepositoryListStore,
  ) {}

  @Answers(LIST_REPOSITORIES)
  async list(@Payload() { actor, ...query }: ListRepositoriesV1): Promise<RepositoryViewPageV1> {
    const { total, repositories } = await this.repositories.list({ viewer: actor, ...query });
    return { total, repositories: repositories.map(view) };
  }

  @Answers(LIST_SHARED_REPOSITORIES)
  async listShared(@Payload() { actor, ...query }: ListSharedRepositoriesV1): Promise<SharedRepositoryViewPageV1> {
    const { total, repositories } = await this.sharedRepositories.list({ viewer: actor, ...query });
    const shown = query.shared === 'byAccount' ? sharedView : (row: SharedRepositoryRow) => sharedView(readable(row));
    return { total, repositories: repositories.map(shown) };
  }

  @Answers(LIST_PUBLIC_REPOSITORIES)
  async listPublic(@Payload() query: ListPublicRepositoriesV1): Promise<RepositoryViewPageV1> {
    const { total, repositories } = await this.publicRepositories.list(query);
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

const sharedView = (row: SharedRepositoryRow): SharedRepositoryViewV1 => ({ ...view(row), isValid: row.isValid });

/** What an account may still read of what was shared with it: after the share lapsed, the name alone. */
const readable = (row: SharedRepositoryRow): SharedRepositoryRow =>
  row.isValid || row.isPublic ? row : { ...row, description: '', tags: [], size: 0, tagCount: 0, pulls: 0 };
