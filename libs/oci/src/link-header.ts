/** What may stand in a path as it is (RFC 3986 `pchar`, the slash, and the percent of what is encoded already). */
const NOT_IN_PATH = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu;

/**
 * The Link header to a list's next page, `<path?query>; rel="next"`; undefined values are left out. The path may be
 * encoded already, the query values must not be. The target is always on our own host. Spec: end-8b, RFC 8288.
 */
export function nextLink(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(query)
    .filter((pair): pair is [string, string | number] => pair[1] !== undefined)
    .map(([key, value]) => `${encode(key)}=${encode(String(value))}`);
  const target = pairs.length === 0 ? encodePath(path) : `${encodePath(path)}?${pairs.join('&')}`;
  return `<${target}>; rel="next"`;
}

/** Two leading slashes would name another host. */
function encodePath(path: string): string {
  return path.replace(/^\/{2,}/, '/').replace(NOT_IN_PATH, encode);
}

/** `encodeURIComponent` throws on half a surrogate pair, which a client may well send. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
