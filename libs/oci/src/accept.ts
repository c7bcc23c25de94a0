/** A weight of zero: "not acceptable". RFC 9110 section 12.4.2. */
const REFUSED = /;\s*q\s*=\s*0(?:\.0*)?\s*(?:;|$)/i;

/**
 * The media ranges that an Accept header names, in lower case, without parameters and without those of weight zero; in
 * whatever order, as a type either may be sent or may not. Nonsense stays a range that no type equals. Never throws.
 * Spec: RFC 9110 section 12.5.1.
 */
export function acceptedMediaRanges(accept: string | undefined): ReadonlySet<string> {
  return new Set(
    (accept ?? '')
      .split(',')
      .filter((range) => !REFUSED.test(range))
      .map((range) => range.split(';', 1)[0]!.trim().toLowerCase())
      .filter((range) => range !== ''),
  );
}
