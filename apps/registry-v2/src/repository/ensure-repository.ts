import { ENSURE_ORGANISATION } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RepositoryStore } from '@berth/metadata';
import { organisationOf, type RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';

/** The repository of a first push, in its organisation, which manage makes where it may. */
@Injectable()
export class EnsureRepository {
  constructor(
    private readonly bus: MessageBus,
    private readonly repositories: RepositoryStore,
  ) {}

  async run(repository: RepositoryName, userId: string | undefined): Promise<void> {
    const organisation = { name: organisationOf(repository), ...(userId !== undefined && { creatorId: userId }) };
    const { organisationId } = await this.bus.request(ENSURE_ORGANISATION, organisation);
    await this.repositories.create(repository, organisationId, false);
  }
}
