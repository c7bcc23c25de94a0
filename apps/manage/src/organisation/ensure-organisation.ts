import type { EnsuredOrganisationV1, EnsureOrganisationV1 } from '@berth/contracts';
import { OrganisationStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';

/** The organisation of a first push: found, or made within the quota of the pusher's account. */
@Injectable()
export class EnsureOrganisation {
  constructor(
    private readonly organisations: OrganisationStore,
    private readonly settings: Settings,
  ) {}

  async run({ name, creatorId }: EnsureOrganisationV1): Promise<EnsuredOrganisationV1> {
    const organisationId = await this.organisations.find(name);
    if (organisationId !== null) return { organisationId };
    if (!this.settings.createOrganisations) throw denied(name, 'organisation does not exist');
    const outcome = await this.organisations.ensure(name, creatorId ?? null);
    if (outcome === 'quota-reached') throw denied(name, 'the account has reached its quota of organisations');
    if (outcome === 'creator-unknown') throw denied(name, 'the user who pushes no longer exists');
    // Somebody made it in this very moment, perhaps for another account: a new token tells what is allowed there.
    if (outcome === 'taken') throw denied(name, 'the organisation was just made by somebody else');
    return outcome;
  }
}

const denied = (organisation: string, message: string) => registryError('DENIED', { organisation }, { message });
