import { IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Deletes an empty organisation. The asker has checked the right to manage it. */
export class DeleteOrganisationV1 {
  @IsString()
  @MaxLength(255)
  name!: string;
}

/** ORGANISATION_UNKNOWN, ORGANISATION_NOT_EMPTY. */
export const DELETE_ORGANISATION = defineRequest<DeleteOrganisationV1, { name: string }>(
  'manage.organisation.delete.v1',
  DeleteOrganisationV1,
);
