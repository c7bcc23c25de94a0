const MAX_TEXT = 256;
const MAX_ENTRIES = 100;
const MAX_DEPTH = 4;

/** Cuts a text that may come from a client to 256 characters, the last of which then is an ellipsis. */
export function boundText(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT - 1)}…`;
}

/**
 * The JSON-safe, bounded copy of an error's `detail`: texts cut to 256 characters, at most 100 entries per list or
 * object, at most 4 levels. So an error answer never grows with what the client sent. Never throws on JSON-like input.
 */
export function boundDetail(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return boundText(value);
  if (typeof value === 'bigint') return boundText(value.toString());
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object' || depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((entry) => boundDetail(entry, depth + 1));
  // fromEntries defines properties instead of assigning them, so a `__proto__` key stays a plain key.
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ENTRIES)
      .map(([key, entry]) => [boundText(key), boundDetail(entry, depth + 1)]),
  );
}
