import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

/** Asks what an account has in all. */
export class ShowOverviewV1 {
  @IsId()
  accountId!: string;
}

export interface OverviewV1 {
  organisations: number;
  repositories: number;
  tags: number;
  /** Bytes: the sum over the repositories, so a layer counts in each that has it. */
  size: number;
}

export const SHOW_OVERVIEW = defineRequest<ShowOverviewV1, OverviewV1>('manage.overview.show.v1', ShowOverviewV1);
