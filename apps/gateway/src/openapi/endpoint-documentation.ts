import type { RegistryErrorCode } from '@berth/oci';
import type { HEADERS } from './components.js';
import type { MediaType, Parameter, RequestBody } from './openapi-document.js';

/** What the document says about one endpoint, besides what its route says itself: path, method, rights. */
export interface EndpointDocumentation<Code extends string = RegistryErrorCode> {
  summary: string;
  description?: string;
  /** Of the query and of headers; those of the path belong to the path. */
  parameters?: Parameter[];
  body?: RequestBody;
  /** By status. */
  answers: Record<number, Answer>;
  /** Besides those that every endpoint of its kind may answer. */
  errors: ErrorCase<Code>[];
  /** The component that error bodies are; Errors where it does not say. */
  errorSchema?: string;
}

export interface Answer {
  description: string;
  headers?: HeaderName[];
  /** By media type. A HEAD has the same headers and never a body. */
  content?: Record<string, MediaType>;
}

export type HeaderName = keyof typeof HEADERS;

/** A code of the catalogue; its status and its reason where they are narrower than the catalogue's. */
export type ErrorCase<Code extends string = RegistryErrorCode> = Code | NarrowedError<Code>;

export const TOO_MANY_REQUESTS: ErrorCase = {
  code: 'TOOMANYREQUESTS',
  when: 'the user or the address has made more requests in a minute than the operator allows, or too many passwords are being checked, or too many were wrong',
  headers: ['Retry-After'],
};

/** What may come wherever something behind the gateway is asked: too much of it, and what is our fault. */
export const FAULTS: ErrorCase[] = [
  TOO_MANY_REQUESTS,
  { code: 'UNAVAILABLE', when: 'something behind the gateway is away', headers: ['Retry-After'] },
  'UNKNOWN',
];

export interface NarrowedError<Code extends string = RegistryErrorCode> {
  code: Code;
  status?: number;
  when?: string;
  headers?: HeaderName[];
}
