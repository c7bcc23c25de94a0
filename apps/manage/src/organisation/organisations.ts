import {
  type CreateOrganisationV1,
  type DeleteOrganisationV1,
  type ListOrganisationsV1,
  MAX_ORGANISATIONS,
  type OrganisationV1,
} from '@berth/contracts';
import { OrganisationStore } from '@berth/metadata';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';

/** Organisations as the management API has them. Who may do what was decided before. */
@Injectable()
export class Organisations {
  constructor(private readonly organisations: OrganisationStore) {}

  async create({ actor, name }: CreateOrganisationV1): Promise<{ organisationId: string }> {
    const outcome = await this.organisations.create(name, actor.userId);
    if (outcome === 'exists') throw new SwrError('ORGANISATION_EXISTS');
    if (outcome === 'quota-reached') throw new SwrError('ORGANISATION_QUOTA_REACHED');
    if (outcome === 'creator-unknown') throw new SwrError('TOKEN_INVALID', 'the user no longer exists');
    return outcome;
  }

  async delete({ name }: DeleteOrganisationV1): Promise<{ name: string }> {
    const outcome = await this.organisations.remove(name);
    if (outcome === 'unknown') throw new SwrError('ORGANISATION_UNKNOWN');
    if (outcome === 'not-empty') throw new SwrError('ORGANISATION_NOT_EMPTY');
    return { name };
  }

  async list(request: ListOrganisationsV1): Promise<{ organisations: OrganisationV1[] }> {
    const { actor, name, withRepositories, counted = false } = request;
    const options = { withRepositories, limit: MAX_ORGANISATIONS, ...(name !== undefined && { name }) };
    const found = await this.organisations.list(actor, options);
    const organisations = found.map(({ id, name, creatorName, auth }) => ({ id, name, creatorName, auth }));
    if (!counted) return { organisations };
    const counts = await this.organisations.counts(organisations.map(({ id }) => id));
    const countsOf = (id: string) => ({ userCount: counts.get(id)!.users, tagCount: counts.get(id)!.tags });
    return { organisations: organisations.map((one) => ({ ...one, ...countsOf(one.id) })) };
  }
}
