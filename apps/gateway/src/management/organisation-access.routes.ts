import {
  CHANGE_ORGANISATION_PERMISSIONS,
  LIST_ORGANISATION_PERMISSIONS,
  MAX_PERMISSIONS_AT_ONCE,
  REMOVE_ORGANISATION_PERMISSIONS,
  type UserPermissionV1,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { parseWireId, SwrError, wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsIn, IsString, MaxLength } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodiesOf, textsOf } from './request-body.js';

class GrantedAuth {
  @IsString({ context: { error: 'USER_INVALID' } })
  user_id!: string;

  @IsString({ context: { error: 'USER_INVALID' } })
  @MaxLength(256, { context: { error: 'USER_INVALID' } })
  user_name!: string;

  @IsIn([7, 3, 1], { context: { error: 'PERMISSION_INVALID' } })
  auth!: 7 | 3 | 1;
}

interface NamedOrganisation {
  organisation: string;
}

/** `namespaces/{namespace}/access`: who may do what in an organisation. */
@Injectable()
export class OrganisationAccessRoutes {
  constructor(private readonly bus: MessageBus) {}

  async list({ actor, reply }: ManagementRequest, { organisation: name }: NamedOrganisation): Promise<void> {
    const { id, creatorName, permissions } = await this.bus.request(LIST_ORGANISATION_PERMISSIONS, { name });
    const own = permissions.find(({ userId }) => userId === actor.userId);
    const self = own ?? { userId: actor.userId, userName: actor.userName, auth: 7 as const };
    await reply.send({
      id: Number(id),
      name,
      creator_name: creatorName,
      self_auth: shown(self),
      others_auths: permissions.filter(({ userId }) => userId !== actor.userId).map(shown),
    });
  }

  async add(request: ManagementRequest, { organisation }: NamedOrganisation): Promise<void> {
    await this.change(request, organisation, 'add');
  }

  async update(request: ManagementRequest, { organisation }: NamedOrganisation): Promise<void> {
    await this.change(request, organisation, 'update');
  }

  async remove({ body, reply }: ManagementRequest, { organisation: name }: NamedOrganisation): Promise<void> {
    const userIds = distinct(textsOf(body, MAX_PERMISSIONS_AT_ONCE).map(userIdOf));
    await this.bus.request(REMOVE_ORGANISATION_PERMISSIONS, { name, userIds });
    await reply.status(204).send();
  }

  private async change({ body, reply }: ManagementRequest, name: string, change: 'add' | 'update'): Promise<void> {
    const granted = bodiesOf(GrantedAuth, body, MAX_PERMISSIONS_AT_ONCE);
    const permissions = granted.map(({ user_id, user_name: userName, auth }) => ({
      userId: userIdOf(user_id),
      userName,
      auth,
    }));
    distinct(permissions.map(({ userId }) => userId));
    await this.bus.request(CHANGE_ORGANISATION_PERMISSIONS, { name, change, permissions });
    await reply.status(201).send({});
  }
}

function userIdOf(text: string): string {
  const userId = parseWireId(text);
  if (userId === null) throw new SwrError('USER_INVALID');
  return userId;
}

function distinct(userIds: string[]): string[] {
  if (new Set(userIds).size < userIds.length) throw new SwrError('USER_INVALID', 'a user is named twice');
  return userIds;
}

const shown = ({ userId, userName, auth }: UserPermissionV1) => ({
  user_id: wireId(userId),
  user_name: userName,
  auth,
});
