import {
  CHANGE_REPOSITORY_PERMISSIONS,
  LIST_REPOSITORY_PERMISSIONS,
  REMOVE_REPOSITORY_PERMISSIONS,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { organisationOf, type RepositoryName } from '@berth/oci';
import { wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { ManagementRequest } from './management-request.js';
import { grantedAuthsOf, shownAuth, userIdsOf } from './user-auths.js';

interface NamedRepository {
  repository: RepositoryName;
}

/** `namespaces/{namespace}/repos/{repository}/access`: who may do what in a repository. */
@Injectable()
export class RepositoryAccessRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ actor, repositoryAuth, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const { accountId } = actor;
    const { id, permissions } = await this.bus.request(LIST_REPOSITORY_PERMISSIONS, { repository, accountId });
    await reply.send({
      id: Number(id),
      name: repository.slice(organisationOf(repository).length + 1),
      self_auth: { user_id: wireId(actor.userId), user_name: actor.userName, auth: repositoryAuth },
      others_auths: permissions.filter(({ userId }) => userId !== actor.userId).map(shownAuth),
    });
  }

  async add(request: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    await this.change(request, repository, 'add');
  }

  async update(request: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    await this.change(request, repository, 'update');
  }

  async remove({ body, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    await this.bus.request(REMOVE_REPOSITORY_PERMISSIONS, { repository, userIds: userIdsOf(body) });
    await reply.status(204).send();
  }

  private async change(
    { body, reply }: ManagementRequest,
    repository: RepositoryName,
    change: 'add' | 'update',
  ): Promise<void> {
    await this.bus.request(CHANGE_REPOSITORY_PERMISSIONS, { repository, change, permissions: grantedAuthsOf(body) });
    await reply.status(201).send({});
  }
}
