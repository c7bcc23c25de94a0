import { IsUUID } from 'class-validator';
import { defineRequest } from '../contract.js';

/** Asks what an account has in all. */
export class ShowOverviewV1 {
  @IsUUID()
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
