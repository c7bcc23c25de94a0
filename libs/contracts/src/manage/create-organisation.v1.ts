import { Type } from 'class-transformer';
import { IsString, MaxLength, ValidateNested } from 'class-validator';
import { Actor } from '../auth/actor.js';
import { defineRequest } from '../contract.js';

/** Makes an organisation in the actor's account. The name fits the rules for new ones. */
export class CreateOrganisationV1 {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  @MaxLength(64)
  name!: string;
}

/** ORGANISATION_EXISTS, in whosever account; ORGANISATION_QUOTA_REACHED. */
export const CREATE_ORGANISATION = defineRequest<CreateOrganisationV1, { organisationId: string }>(
  'manage.organisation.create.v1',
  CreateOrganisationV1,
);
