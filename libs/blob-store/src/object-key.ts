const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/;
const LONGEST_KEY = 1000;

/** True where `key` is slash-separated segments of letters, digits, `.`, `_` and `-`, none of which starts with a dot. */
export function isObjectKey(key: string): boolean {
  return key.length <= LONGEST_KEY && key.split('/').every((segment) => SEGMENT.test(segment));
}

/**
 * Refuses keys that a file system or an object store could read as something else: absolute paths, `..`, hidden names,
 * empty segments, backslashes, control characters. Throws TypeError: such a key is a mistake of the caller.
 */
export function assertObjectKey(key: string): void {
  if (!isObjectKey(key)) throw new TypeError(`not an object key: ${JSON.stringify(key)}`);
}
