import { ENSURE_ORGANISATION, type EnsuredOrganisationV1, EnsureOrganisationV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { EnsureOrganisation } from './ensure-organisation.js';

@Controller()
export class OrganisationController {
  constructor(private readonly ensureOrganisation: EnsureOrganisation) {}

  @Answers(ENSURE_ORGANISATION)
  ensure(@Payload() request: EnsureOrganisationV1): Promise<EnsuredOrganisationV1> {
    return this.ensureOrganisation.run(request);
  }
}
