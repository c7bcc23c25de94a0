import { registryError } from './errors.js';

/** A range of bytes, both ends inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const UPLOAD_RANGE = /^(\d+)-(\d+)$/;
const RANGE = /^bytes=(\d*)-(\d*)$/i;

/**
 * The Content-Range of an upload chunk, `<start>-<end>` without unit or total. Throws BLOB_UPLOAD_INVALID with status
 * 416 on another form, an end before the start, or a number beyond what we count exactly (2^53). Spec: end-5, end-6.
 */
export function parseContentRange(header: string): ByteRange {
  const match = UPLOAD_RANGE.exec(header);
  const start = Number(match?.[1]);
  const end = Number(match?.[2]);
  // `end + 1` is the next offset and must be exact as well; NaN (no match) fails the comparison.
  if (!(start <= end && end < Number.MAX_SAFE_INTEGER)) {
    throw registryError('BLOB_UPLOAD_INVALID', { contentRange: header }, { status: 416 });
  }
  return { start, end };
}

/**
 * The part of a blob of `size` bytes that a Range header asks for, clipped to its end. `unsatisfiable` is for 416, also
 * where the last byte is before the first; null means the header is to be ignored and the whole blob served: another unit,
 * several ranges, or a malformed one. Spec: RFC 9110 section 14.1.2 and 14.2.
 */
export function parseRange(header: string, size: number): ByteRange | 'unsatisfiable' | null {
  const match = RANGE.exec(header);
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? null : suffixRange(Number(last), size);
  // Numbers past 2^53 lose precision and those past 1e308 are Infinity: both compare and clip as they should.
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  return start >= size || end < start ? 'unsatisfiable' : { start, end: Math.min(end, size - 1) };
}

/** The last `length` bytes. A suffix of an empty blob is satisfiable, but no Content-Range can say so: hence null. */
function suffixRange(length: number, size: number): ByteRange | 'unsatisfiable' | null {
  if (length === 0) return 'unsatisfiable';
  return size === 0 ? null : { start: Math.max(0, size - length), end: size - 1 };
}
