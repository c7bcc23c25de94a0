import { CREATE_ORGANISATION, DELETE_ORGANISATION, LIST_ORGANISATIONS, type OrganisationV1 } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { listParameters, parseNewOrganisation, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsString } from 'class-validator';
import { LONGEST_ORGANISATION } from './management-path.js';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';

class NewOrganisation {
  @IsString({ context: { error: 'ORGANISATION_NAME_INVALID' } })
  namespace!: string;
}

interface NamedOrganisation {
  organisation: string;
}

/** `namespaces`: what clients call organisations. */
@Injectable()
export class OrganisationRoutes {
  constructor(private readonly bus: MessageBus) {}

  async create({ actor, body, reply }: ManagementRequest): Promise<void> {
    const name = parseNewOrganisation(bodyOf(NewOrganisation, body).namespace);
    await this.bus.request(CREATE_ORGANISATION, { actor, name });
    await reply.status(201).send({});
  }

  /** `mode=visible`: those too where only a repository is granted. */
  async list({ actor, query, reply }: ManagementRequest): Promise<void> {
    const { namespace: name, mode } = listParameters(query, ['namespace', 'mode']);
    if (mode !== undefined && mode !== 'visible') throw new SwrError('QUERY_INVALID', 'mode must be visible');
    if (name !== undefined && name.length > LONGEST_ORGANISATION) return void (await reply.send({ namespaces: [] }));
    const withRepositories = mode === 'visible';
    const { organisations } = await this.bus.request(LIST_ORGANISATIONS, {
      actor,
      withRepositories,
      ...(name !== undefined && { name }),
    });
    await reply.send({ namespaces: organisations.map(shown) });
  }

  async show({ actor, reply }: ManagementRequest, { organisation: name }: NamedOrganisation): Promise<void> {
    const { organisations } = await this.bus.request(LIST_ORGANISATIONS, { actor, withRepositories: true, name });
    const [organisation] = organisations;
    if (!organisation) throw new SwrError('ORGANISATION_UNKNOWN');
    await reply.send(shown(organisation));
  }

  async delete({ reply }: ManagementRequest, { organisation: name }: NamedOrganisation): Promise<void> {
    await this.bus.request(DELETE_ORGANISATION, { name });
    await reply.status(204).send();
  }
}

const shown = ({ id, name, creatorName, auth }: OrganisationV1) => ({
  id: Number(id),
  name,
  creator_name: creatorName,
  auth,
});
