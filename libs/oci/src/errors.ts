import { boundDetail, boundText } from './error-detail.js';

/** The codes a 4xx answer on `/v2` may carry. The list is closed. Spec: distribution-spec "Error Codes". */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS';

/** The OCI codes, Docker's for a bad `n` (`_catalog` is Docker's, not OCI's), and the two a 5xx answers with. */
export type RegistryErrorCode = OciErrorCode | 'PAGINATION_NUMBER_INVALID' | 'UNAVAILABLE' | 'UNKNOWN';

/** How loudly an error is logged: what clients cause every day is `debug`, what is our fault is `error`. */
export type RegistryErrorLevel = 'debug' | 'info' | 'warn' | 'error';

/** One row of the catalogue; `status` is a default that the thrower may narrow (a chunk out of order: 416). */
export interface RegistryErrorRow {
  readonly status: number;
  readonly level: RegistryErrorLevel;
  readonly message: string;
}

/** The one catalogue of errors on `/v2`: what each code means in HTTP, in the log and to a human. */
export const REGISTRY_ERRORS = {
  BLOB_UNKNOWN: { status: 404, level: 'debug', message: 'blob unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 400, level: 'debug', message: 'blob upload invalid' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, level: 'debug', message: 'blob upload unknown to registry' },
  DIGEST_INVALID: { status: 400, level: 'debug', message: 'provided digest is invalid or did not match the content' },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    level: 'debug',
    message: 'manifest references a manifest or blob unknown here',
  },
  MANIFEST_INVALID: { status: 400, level: 'debug', message: 'manifest invalid' },
  MANIFEST_UNKNOWN: { status: 404, level: 'debug', message: 'manifest unknown to registry' },
  NAME_INVALID: { status: 400, level: 'debug', message: 'invalid repository name' },
  NAME_UNKNOWN: { status: 404, level: 'debug', message: 'repository name not known to registry' },
  SIZE_INVALID: { status: 400, level: 'debug', message: 'provided length did not match content length' },
  UNAUTHORIZED: { status: 401, level: 'debug', message: 'authentication required' },
  DENIED: { status: 403, level: 'info', message: 'requested access to the resource is denied' },
  UNSUPPORTED: { status: 405, level: 'debug', message: 'the operation is unsupported' },
  TOOMANYREQUESTS: { status: 429, level: 'info', message: 'too many requests' },
  PAGINATION_NUMBER_INVALID: { status: 400, level: 'debug', message: 'invalid number of results requested' },
  UNAVAILABLE: { status: 503, level: 'error', message: 'service unavailable' },
  UNKNOWN: { status: 500, level: 'error', message: 'unknown error' },
} as const satisfies Record<RegistryErrorCode, RegistryErrorRow>;

/** What a thrower may say beyond the row. `headers` go on the answer (WWW-Authenticate, Retry-After, Allow). */
export interface RegistryErrorOptions {
  readonly status?: number;
  readonly cause?: unknown;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A `RegistryError` as plain JSON, the shape in which it crosses from one service to another. */
export interface RegistryErrorWire {
  readonly code: RegistryErrorCode;
  readonly status: number;
  readonly message: string;
  readonly detail?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The body of an error answer. Spec: distribution-spec "Error Codes". */
export interface ErrorEnvelope {
  readonly errors: readonly { readonly code: RegistryErrorCode; readonly message: string; readonly detail?: unknown }[];
}

/**
 * An error a registry client gets to see. Throw it by `registryError`; anything else thrown is our fault and answers
 * UNKNOWN. Message and detail are bounded (256 characters a text), so they may quote the client.
 */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly status: number;
  readonly detail?: unknown;
  readonly headers?: Readonly<Record<string, string>>;

  constructor(
    readonly code: RegistryErrorCode,
    detail?: unknown,
    options: RegistryErrorOptions = {},
  ) {
    super(
      boundText(options.message ?? REGISTRY_ERRORS[code].message),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.status = options.status ?? REGISTRY_ERRORS[code].status;
    if (detail !== undefined) this.detail = boundDetail(detail);
    if (options.headers !== undefined) this.headers = options.headers;
  }

  /** The error as plain JSON for a service hop; the cause and the stack stay behind. */
  toWire(): RegistryErrorWire {
    const { code, status, message, detail, headers } = this;
    return {
      code,
      status,
      message,
      ...(detail !== undefined && { detail }),
      ...(headers !== undefined && { headers }),
    };
  }

  /** The error that `toWire` described, or null when `x` is something else. Never throws. */
  static fromWire(x: unknown): RegistryError | null {
    if (typeof x !== 'object' || x === null) return null;
    const { code, status, message, detail, headers } = x as Record<string, unknown>;
    if (!isRegistryErrorCode(code)) return null;
    return new RegistryError(code, detail, {
      ...(isErrorStatus(status) && { status }),
      ...(typeof message === 'string' && { message }),
      ...(isHeaders(headers) && { headers }),
    });
  }
}

/** Makes the error for a code; the catalogue says its status and message unless `options` narrow them. */
export function registryError(
  code: RegistryErrorCode,
  detail?: unknown,
  options: RegistryErrorOptions = {},
): RegistryError {
  return new RegistryError(code, detail, options);
}

/** MANIFEST_INVALID whose message says why; Docker's client prints the message and not the detail. */
export function manifestInvalid(reason: string, detail?: unknown, cause?: unknown): RegistryError {
  return registryError('MANIFEST_INVALID', detail, { message: `manifest invalid: ${reason}`, cause });
}

/** SIZE_INVALID (413) for a blob that is larger than the registry takes. */
export function blobTooLarge(limit: number): RegistryError {
  return registryError('SIZE_INVALID', { limit }, { status: 413, message: `the blob is larger than ${limit} bytes` });
}

/**
 * The answer body for anything thrown. A 5xx, and whatever is not a `RegistryError`, says nothing specific: only
 * UNAVAILABLE (503) or UNKNOWN with the catalogue's message. Spec: distribution-spec "Error Codes".
 */
export function errorEnvelope(error: unknown): ErrorEnvelope {
  if (!(error instanceof RegistryError)) return genericEnvelope('UNKNOWN');
  if (error.status >= 500) return genericEnvelope(error.code === 'UNAVAILABLE' ? 'UNAVAILABLE' : 'UNKNOWN');
  const { code, message, detail } = error;
  return { errors: [{ code, message, ...(detail !== undefined && { detail }) }] };
}

function genericEnvelope(code: 'UNAVAILABLE' | 'UNKNOWN'): ErrorEnvelope {
  return { errors: [{ code, message: REGISTRY_ERRORS[code].message }] };
}

function isRegistryErrorCode(code: unknown): code is RegistryErrorCode {
  return typeof code === 'string' && Object.hasOwn(REGISTRY_ERRORS, code);
}

function isErrorStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
}

function isHeaders(headers: unknown): headers is Record<string, string> {
  return (
    typeof headers === 'object' &&
    headers !== null &&
    !Array.isArray(headers) &&
    Object.values(headers).every((value) => typeof value === 'string')
  );
}
