import {
  CREATE_ORGANISATION,
  CreateOrganisationV1,
  DELETE_ORGANISATION,
  DeleteOrganisationV1,
  ENSURE_ORGANISATION,
  type EnsuredOrganisationV1,
  EnsureOrganisationV1,
  LIST_ORGANISATIONS,
  ListOrganisationsV1,
  type OrganisationV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { EnsureOrganisation } from './ensure-organisation.js';
import { Organisations } from './organisations.js';

@Controller()
export class OrganisationController {
  constructor(
    private readonly ensureOrganisation: EnsureOrganisation,
    private readonly organisations: Organisations,
  ) {}

  @Answers(ENSURE_ORGANISATION)
  ensure(@Payload() request: EnsureOrganisationV1): Promise<EnsuredOrganisationV1> {
    return this.ensureOrganisation.run(request);
  }

  @Answers(CREATE_ORGANISATION)
  create(@Payload() request: CreateOrganisationV1): Promise<{ organisationId: string }> {
    return this.organisations.create(request);
  }

  @Answers(DELETE_ORGANISATION)
  delete(@Payload() request: DeleteOrganisationV1): Promise<{ name: string }> {
    return this.organisations.delete(request);
  }

  @Answers(LIST_ORGANISATIONS)
  list(@Payload() request: ListOrganisationsV1): Promise<{ organisations: OrganisationV1[] }> {
    return this.organisations.list(request);
  }
}
