import { IsBoolean, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsId } from '../field-validators.js';

export const MAX_AUDIT_RECORDS_PER_PAGE = 1_000;
/** Where a page ended: microseconds since 1970 and the number of its last record. */
export const AUDIT_MARKER = /^\d{1,16}\.\d{1,18}$/;
export const LONGEST_AUDIT_FILTER = 512;

/** Asks who changed what. The asker has checked the right to know. */
export class ListAuditRecordsV1 {
  @IsOptional()
  @IsString()
  @MaxLength(255)
  organisation?: string;

  /** Of the organisation also what was before it was made, by one that had its name. */
  @IsOptional()
  @IsBoolean()
  everOfThatName?: boolean;

  @IsOptional()
  @IsId()
  userId?: string;

  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_AUDIT_FILTER)
  action?: string;

  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_AUDIT_FILTER)
  resource?: string;

  /** Milliseconds since 1970; from then on. */
  @IsOptional()
  @IsInt()
  since?: number;

  /** Milliseconds since 1970; that one is left out. */
  @IsOptional()
  @IsInt()
  until?: number;

  /** As the page before it gave. */
  @IsOptional()
  @Matches(AUDIT_MARKER)
  marker?: string;

  @IsInt()
  @Min(1)
  @Max(MAX_AUDIT_RECORDS_PER_PAGE)
  limit!: number;
}

/** One change. `action` is a thing and what was done with it (`tag.move`), `resource` the thing's name as people write it. */
export interface AuditRecordV1 {
  id: string;
  /** In ISO 8601. */
  at: string;
  /** Null: of no organisation. */
  organisation: string | null;
  action: string;
  resource: string;
  /** What it was before and what it is now; never a secret. */
  detail: object;
  /** Null, as the names, where nobody was logged in, or a service did it on its own. */
  userId: string | null;
  userName: string | null;
  accountName: string | null;
  /** `password`, `access-key` or `operator`. */
  credential: string | null;
  address: string | null;
  requestId: string | null;
  service: string;
}

export interface AuditPageV1 {
  /** The latest first. A page may have fewer than asked for, none even, and others follow. */
  records: AuditRecordV1[];
  /** Null where nothing follows. */
  next: string | null;
}

export const LIST_AUDIT_RECORDS = defineRequest<ListAuditRecordsV1, AuditPageV1>(
  'manage.audit.list.v1',
  ListAuditRecordsV1,
);
