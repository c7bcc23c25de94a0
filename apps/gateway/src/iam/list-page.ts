import type { IncomingMessage } from 'node:http';
import { MAX_PAGE } from '@berth/contracts';
import { parseWireId } from '@berth/swr';
import { PublicUrl } from '../http/public-url.js';
import { IamError } from './iam-error.js';

/** Longer than any name, so that what is cut off finds none either. */
const NAME_MATTERS = 256;
const DEFAULT_LIMIT = 100;

export const queryOf = (request: IncomingMessage): URLSearchParams =>
  new URL(request.url ?? '', 'http://any').searchParams;

/** The name that a list is asked for; nothing where it is missing or empty. 400 where it is none that could be. */
export function nameIn(query: URLSearchParams): { name?: string } {
  const name = textOf(query, 'name');
  return name ? { name } : {};
}

function textOf(query: URLSearchParams, parameter: string): string | undefined {
  const text = query.get(parameter)?.slice(0, NAME_MATTERS);
  if (text?.includes('\0')) throw new IamError(400, `${parameter} is no name`);
  return text;
}

/** Of lists by name: `limit` 1 to 1000, 100 without it; `marker` is the name behind which it goes on. 400 otherwise. */
export function pageIn(query: URLSearchParams): { name?: string; after?: string; limit: number } {
  const limit = query.get('limit') ?? String(DEFAULT_LIMIT);
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_PAGE) {
    throw new IamError(400, `limit must be 1 to ${MAX_PAGE}`);
  }
  const after = textOf(query, 'marker');
  return { ...nameIn(query), ...(after && { after }), limit: Number(limit) };
}

/** The account that a list is of; nothing where none is named. 400 where it is no id. */
export function accountIn(query: URLSearchParams): { accountId?: string } {
  const text = query.get('domain_id');
  if (text === null) return {};
  const accountId = parseWireId(text);
  if (accountId === null) throw new IamError(400, 'domain_id is no id');
  return { accountId };
}

/** The links of a list: itself, and the page behind `last` where there is one. */
export function linksOf(publicUrl: PublicUrl, request: IncomingMessage, path: string, last: string | undefined) {
  const self = publicUrl.absolute(request, path);
  if (last === undefined) return { self, previous: null, next: null };
  const query = queryOf(request);
  query.set('marker', last);
  return { self, previous: null, next: `${self}?${query.toString()}` };
}
