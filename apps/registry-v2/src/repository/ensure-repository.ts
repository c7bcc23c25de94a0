import { AUTHORIZE, ENSURE_ORGANISATION } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RepositoryStore } from '@berth/metadata';
import { organisationOf, registryError, type RepositoryName } from '@berth/oci';
import { Injectable } from '@nestjs/common';

/**
 * The repository of a first push, in its organisation, which manage makes where it may. DENIED where the pusher may not push
 * there now: one that was deleted during a push, which its token still allows, comes back by that right alone, or the
 * organisation has as many as it may have.
 */
@Injectable()
export class EnsureRepository {
  constructor(
    private readonly bus: MessageBus,
    private readonly repositories: RepositoryStore,
  ) {}

  async run(repository: RepositoryName, userId: string | undefined): Promise<void> {
    if (userId !== undefined) await this.refuseIfDenied(repository, userId);
    const organisation = { name: organisationOf(repository), ...(userId !== undefined && { creatorId: userId }) };
    await this.bus.request(ENSURE_ORGANISATION, organisation);
    const creator = userId !== undefined && { creatorId: userId };
    const outcome = await this.repositories.create(repository, { isPublic: false, ...creator });
    if (outcome === 'organisation-unknown') throw denied(repository, 'the organisation was deleted in this moment');
    if (outcome === 'quota-reached') throw denied(repository, 'the organisation has reached its quota of repositories');
  }

  private async refuseIfDenied(name: RepositoryName, userId: string): Promise<void> {
    const scopes = [{ type: 'repository', name, actions: ['push'] }];
    const { access } = await this.bus.request(AUTHORIZE, { userId, scopes });
    if (access.length === 0) throw registryError('DENIED', { name });
  }
}

const denied = (repository: RepositoryName, message: string) => registryError('DENIED', { repository }, { message });
