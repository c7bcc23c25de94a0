import {
  CHANGE_ORGANISATION_PERMISSIONS,
  LIST_ORGANISATION_PERMISSIONS,
  REMOVE_ORGANISATION_PERMISSIONS,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { ManagementRequest } from './management-request.js';
import { grantedAuthsOf, shownAuth, userIdsOf } from './user-auths.js';

interface NamedOrganisation {
  organisation: string;
}

/** `namespaces/{namespace}/access`: who may do what in an organisation. */
@Injectable()
export class OrganisationAccessRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list(
    { actor, organisationAuth, reply }: ManagementRequest,
    { organisation: name }: NamedOrganisation,
  ): Promise<void> {
    const { id, creatorName, permissions } = await this.bus.request(LIST_ORGANISATION_PERMISSIONS, { name });
    await reply.send({
      id: Number(id),
      name,
      creator_name: creatorName,
      self_auth: { user_id: wireId(actor.userId), user_name: actor.userName, auth: organisationAuth },
      others_auths: permissions.filter(({ userId }) => userId !== actor.userId).map(shownAuth),
    });
  }

  async add(request: ManagementRequest, { organisation }: NamedOrganisation): Promise<void> {
    await this.change(request, organisation, 'add');
  }

  async update(request: ManagementRequest, { organisation }: NamedOrganisation): Promise<void> {
    await this.change(request, organisation, 'update');
  }

  async remove({ body, reply }: ManagementRequest, { organisation: name }: NamedOrganisation): Promise<void> {
    await this.bus.request(REMOVE_ORGANISATION_PERMISSIONS, { name, userIds: userIdsOf(body) });
    await reply.status(204).send();
  }

  private async change({ body, reply }: ManagementRequest, name: string, change: 'add' | 'update'): Promise<void> {
    const permissions = grantedAuthsOf(body);
    await this.bus.request(CHANGE_ORGANISATION_PERMISSIONS, { name, change, permissions });
    await reply.status(201).send({});
  }
}
