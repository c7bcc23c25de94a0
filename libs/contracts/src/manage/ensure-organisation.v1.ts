import { IsOptional, IsString, MaxLength } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

/** A push needs its organisation: finds it, or makes it for the pusher's account. */
export class EnsureOrganisationV1 {
  @IsString()
  @MaxLength(255)
  name!: string;

  /** Absent in open mode, where the first account's administrator stands for everybody. */
  @IsOptional()
  @IsId()
  creatorId?: string;
}

export interface EnsuredOrganisationV1 {
  organisationId: string;
}

/** DENIED where the account's quota is reached or organisations are not made by pushes. */
export const ENSURE_ORGANISATION = defineRequest<EnsureOrganisationV1, EnsuredOrganisationV1>(
  'manage.organisation.ensure.v1',
  EnsureOrganisationV1,
);
