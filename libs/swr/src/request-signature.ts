import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const ALGORITHM = 'SDK-HMAC-SHA256';
/** Without it a signature would be good for ever. */
const DATE_HEADER = 'x-sdk-date';
/** Where a client says what stands in the place of the body's hash. */
const PAYLOAD_HASH_HEADER = 'x-sdk-content-sha256';
/** What it says there if it cannot hash its body. */
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const CREDENTIAL =
  /^SDK-HMAC-SHA256 +Access=([A-Za-z0-9]{1,64}), *SignedHeaders=([a-z0-9;-]{1,1024}), *Signature=([0-9a-f]{64})$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** What an `Authorization: SDK-HMAC-SHA256 ...` header says. */
export interface RequestSignature {
  readonly accessKey: string;
  /** Lower case, in the order of the header. */
  readonly signedHeaders: readonly string[];
  /** 64 digits of lower-case hex. */
  readonly signature: string;
}

/** A request as it came over the wire. */
export interface SignableRequest {
  readonly method: string;
  /** Path and query, still encoded. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of the raw body, lower-case hex; of no bytes at all where there is none. */
  readonly bodySha256: string;
}

/** Null where the header is of another scheme, malformed, or leaves the date unsigned. */
export function parseRequestSignature(authorization: string): RequestSignature | null {
  const [, accessKey, names, signature] = CREDENTIAL.exec(authorization) ?? [];
  if (accessKey === undefined || names === undefined || signature === undefined) return null;
  const signedHeaders = names.split(';');
  return signedHeaders.includes(DATE_HEADER) ? { accessKey, signedHeaders, signature } : null;
}

/** When the client says that it signed; null where it does not say, or says no date. */
export function signingDate(headers: SignableRequest['headers']): Date | null {
  const [, year, month, day, hour, minute, second] = DATE.exec(headers[DATE_HEADER] ?? '') ?? [];
  if (year === undefined) return null;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}

/**
 * What may have been signed. Clients differ in what they sign of a path that is escaped on the wire: its meaning, or the
 * escaped text itself (a blank goes out as `%20` and is signed `%2520`). Both are given; one is the usual case.
 */
export function stringsToSign(request: SignableRequest, signedHeaders: readonly string[]): string[] {
  const { target, headers } = request;
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  const query = canonicalQuery(end < 0 ? '' : target.slice(end + 1));
  const candidates = new Set([canonicalPath(path, decoded), canonicalPath(path, asIs)]);
  return [...candidates].map((uri) => {
    const hash = createHash('sha256')
      .update(canonicalRequest(request, uri, query, signedHeaders))
      .digest('hex');
    return [ALGORITHM, headers[DATE_HEADER] ?? '', hash].join('\n');
  });
}

/** HMAC-SHA256 under the secret key itself: nothing is derived from it. Lower-case hex. */
export function signString(secretKey: string, stringToSign: string): string {
  return createHmac('sha256', secretKey).update(stringToSign).digest('hex');
}

/** Takes as long for a wrong signature as for the right one. */
export function isSignedBy(secretKey: string, candidates: readonly string[], signature: string): boolean {
  const given = Buffer.from(signature);
  const matches = candidates.map((candidate) => {
    const expected = Buffer.from(signString(secretKey, candidate));
    return expected.length === given.length && timingSafeEqual(expected, given);
  });
  return matches.includes(true);
}

function canonicalRequest(
  { method, headers, bodySha256 }: SignableRequest,
  uri: string,
  query: string,
  signedHeaders: readonly string[],
): string {
  const lines = signedHeaders.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join('');
  // Any other text would be the client's word for the body that came.
  const isUnsigned = signedHeaders.includes(PAYLOAD_HASH_HEADER) && headers[PAYLOAD_HASH_HEADER] === UNSIGNED_PAYLOAD;
  const payload = isUnsigned ? UNSIGNED_PAYLOAD : bodySha256;
  return [method.toUpperCase(), uri, query, lines, signedHeaders.join(';'), payload].join('\n');
}

/** Each segment escaped, with a slash at the end. */
function canonicalPath(path: string, read: (segment: string) => string): string {
  const escaped = path
    .split('/')
    .map((segment) => escape(read(segment)))
    .join('/');
  return escaped.endsWith('/') ? escaped : `${escaped}/`;
}

const asIs = (segment: string): string => segment;

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Sorted by name, then by value; decoded and escaped again, since clients leave some characters as they are. */
function canonicalQuery(query: string): string {
  return [...new URLSearchParams(query)]
    .map(([name, value]) => [escape(name), escape(value)] as const)
    .sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** All but the unreserved characters of RFC 3986. */
const escape = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
