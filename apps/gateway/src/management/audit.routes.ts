import {
  AUDIT_MARKER,
  type AuditRecordV1,
  LIST_AUDIT_RECORDS,
  LONGEST_AUDIT_FILTER,
  MAX_AUDIT_RECORDS_PER_PAGE,
} from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { parseWireId, SwrError, wireId } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import type { ManagementRequest } from './management-request.js';
import { LONGEST_ORGANISATION } from './management-path.js';
import { STORABLE } from './storable.js';

const DEFAULT_LIMIT = 100;
/** RFC 3339, to the millisecond. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/;

/** `audit`: who changed what, of an organisation for its managers, of everything for operators. */
@Injectable()
export class AuditRoutes {
  constructor(private readonly bus: MessageBus) {}

  async ofOrganisation(request: ManagementRequest, { organisation }: { organisation: string }): Promise<void> {
    await this.answer(request, { organisation });
  }

  async ofAll(request: ManagementRequest): Promise<void> {
    const organisation = textIn(request.query, 'namespace', LONGEST_ORGANISATION);
    await this.answer(request, organisation === undefined ? {} : { organisation, everOfThatName: true });
  }

  private async answer(
    { query, reply }: ManagementRequest,
    whose: { organisation?: string; everOfThatName?: boolean },
  ): Promise<void> {
    const [since, until] = [timeIn(query, 'since'), timeIn(query, 'until')];
    const [action, resource] = [textIn(query, 'action'), textIn(query, 'resource')];
    const [userId, marker] = [userIn(query), markerIn(query)];
    const { records, next } = await this.bus.request(LIST_AUDIT_RECORDS, {
      ...whose,
      limit: limitIn(query),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      ...(action !== undefined && { action }),
      ...(resource !== undefined && { resource }),
      ...(userId !== undefined && { userId }),
      ...(marker !== undefined && { marker }),
    });
    await reply.send({ records: records.map(shown), next });
  }
}

const shown = ({ id, at, userId, userName, accountName, requestId, ...record }: AuditRecordV1) => ({
  id,
  time: at,
  ...record,
  user_id: userId === null ? null : wireId(userId),
  user_name: userName,
  account_name: accountName,
  request_id: requestId,
});

/** QUERY_INVALID where it is there twice, or can be nobody's. */
function textIn(query: URLSearchParams, name: string, longest = LONGEST_AUDIT_FILTER): string | undefined {
  const [value, ...others] = query.getAll(name);
  if (value === undefined) return undefined;
  if (others.length > 0 || value.length > longest || !STORABLE.test(value)) throw invalid(name);
  return value;
}

function timeIn(query: URLSearchParams, name: string): number | undefined {
  const text = textIn(query, name);
  if (text === undefined) return undefined;
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) throw invalid(name);
  return time;
}

function userIn(query: URLSearchParams): string | undefined {
  const text = textIn(query, 'user_id');
  if (text === undefined) return undefined;
  const id = parseWireId(text);
  if (id === null) throw invalid('user_id');
  return id;
}

function markerIn(query: URLSearchParams): string | undefined {
  const text = textIn(query, 'marker');
  if (text !== undefined && !AUDIT_MARKER.test(text)) throw invalid('marker');
  return text;
}

function limitIn(query: URLSearchParams): number {
  const text = textIn(query, 'limit');
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_AUDIT_RECORDS_PER_PAGE) throw new SwrError('PAGE_INVALID');
  return limit;
}

const invalid = (name: string) => new SwrError('QUERY_INVALID', `${name} is invalid`);
