import { type AuditPageV1, LIST_AUDIT_RECORDS, ListAuditRecordsV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { AuditStore } from '@berth/metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

@Controller()
export class AuditController {
  constructor(private readonly audit: AuditStore) {}

  @Answers(LIST_AUDIT_RECORDS)
  async list(@Payload() { since, until, marker, ...asked }: ListAuditRecordsV1): Promise<AuditPageV1> {
    const [at, id] = marker?.split('.') ?? [];
    const { records, next } = await this.audit.list({
      ...asked,
      ...(since !== undefined && { since: new Date(since) }),
      ...(until !== undefined && { until: new Date(until) }),
      ...(at !== undefined && id !== undefined && { behind: { at, id } }),
    });
    return {
      records: records.map((record) => ({ ...record, at: record.at.toISOString() })),
      next: next && `${next.at}.${next.id}`,
    };
  }
}
