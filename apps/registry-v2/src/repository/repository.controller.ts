import {
  COUNT_PULLS,
  CountPullsV1,
  CREATE_REPOSITORY,
  CreateRepositoryV1,
  DELETE_REPOSITORY,
  DeleteRepositoryV1,
  UPDATE_REPOSITORY,
  UpdateRepositoryV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { RepositoryStore } from '@berth/metadata';
import type { RepositoryName } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Repositories } from './repositories.js';

@Controller()
export class RepositoryController {
  constructor(
    private readonly repositories: Repositories,
    private readonly store: RepositoryStore,
  ) {}

  @Answers(CREATE_REPOSITORY)
  create(@Payload() request: CreateRepositoryV1): Promise<{ repository: RepositoryName }> {
    return this.repositories.create(request);
  }

  @Answers(UPDATE_REPOSITORY)
  update(@Payload() request: UpdateRepositoryV1): Promise<{ repository: RepositoryName }> {
    return this.repositories.update(request);
  }

  @Answers(DELETE_REPOSITORY)
  delete(@Payload() request: DeleteRepositoryV1): Promise<{ repository: RepositoryName }> {
    return this.repositories.delete(request);
  }

  @Answers(COUNT_PULLS)
  async countPulls(@Payload() { counts }: CountPullsV1): Promise<{ repositories: number }> {
    await this.store.countPulls(counts);
    return { repositories: counts.length };
  }
}
