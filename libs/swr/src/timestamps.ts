import { SwrError } from './errors.js';

const FOREVER = 'forever';
const RFC_3339 = /^[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** RFC 3339 in UTC, without zeros at the end of the fraction: `2021-06-10T08:14:42.563Z`, `2021-10-01T16:00:00Z`. */
export const formatTimestamp = (date: Date): string => date.toISOString().replace(/\.?0*Z$/, 'Z');

/**
 * The last day of a share, as a moment in it; null is for ever. FIELD_INVALID where it is no date in UTC, or none of the
 * calendar: 30 February is not taken for 2 March.
 */
export function parseDeadline(text: string): Date | null {
  if (text === FOREVER) return null;
  const date = RFC_3339.test(text) ? new Date(text) : new Date(NaN);
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(text.slice(8, 10))) {
    throw new SwrError('FIELD_INVALID', 'deadline must be a date as 2021-10-01T16:00:00Z, or forever');
  }
  return date;
}

/** The inverse of `parseDeadline`: clients compare what they sent with what they get. */
export const formatDeadline = (deadline: Date | null): string =>
  deadline === null ? FOREVER : formatTimestamp(deadline);
