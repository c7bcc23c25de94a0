import { manifestInvalid } from './errors.js';
import { isJsonObject, type JsonObject } from './json-field.js';

/** No manifest type nests deeper than 6; `annotations` are flat. */
const MAX_DEPTH = 100;

const MANIFEST_KEYS = watched([
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'blobs',
  'manifests',
  'subject',
  'annotations',
]);
const DESCRIPTOR_KEYS = watched(['mediaType', 'digest', 'size', 'urls', 'data', 'artifactType', 'annotations']);
const MAX_WATCHED_LENGTH = 13;

/** Under which top-level keys, and how deep, an object is a descriptor. */
const DESCRIPTOR_DEPTHS = new Map([
  ['config', 2],
  ['subject', 2],
  ['layers', 3],
  ['blobs', 3],
  ['manifests', 3],
]);

/** Keeps a byte order mark, so that the JSON parser refuses it. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The JSON object in a manifest's bytes, read as every other parser would read it. Throws MANIFEST_INVALID on invalid
 * UTF-8 or JSON, a byte order mark, anything but an object, more than 100 levels, and on a key we act on that occurs
 * twice or in another case: Go's parser takes `Layers` for `layers` and the last of both, ours does not (parser
 * differential, the class of CVE-2021-41190).
 */
export function parseManifestJson(bytes: Uint8Array): JsonObject {
  return parseScanned(bytes, true);
}

/** The JSON object in bytes that are no manifest, such as a config: as `parseManifestJson`, whatever its keys are. */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  return parseScanned(bytes, false);
}

function parseScanned(bytes: Uint8Array, watchesKeys: boolean): JsonObject {
  const text = decode(bytes);
  new KeyScan(text, watchesKeys).run();
  const value = parse(text);
  if (!isJsonObject(value)) throw manifestInvalid('not a JSON object');
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw manifestInvalid('not valid UTF-8', undefined, cause);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw manifestInvalid('not valid JSON', undefined, cause);
  }
}

/** One pass over the text for what `JSON.parse` does not tell: depth and repeated keys. Bad JSON just ends it early. */
class KeyScan {
  private depth = 0;
  private topKey = '';
  private readonly manifestSeen = new Set<string>();
  private readonly descriptorSeen = new Set<string>();

  constructor(
    private readonly text: string,
    private readonly watchesKeys: boolean,
  ) {}

  run(): void {
    for (let at = 0; at < this.text.length; at++) {
      const char = this.text[at];
      if (char === '"') at = this.skipString(at);
      else if (char === '{' || char === '[') this.enter();
      else if (char === '}' || char === ']') this.depth--;
    }
  }

  private enter(): void {
    this.depth++;
    if (this.depth > MAX_DEPTH) throw manifestInvalid(`more than ${MAX_DEPTH} levels deep`);
    if (this.depth === DESCRIPTOR_DEPTHS.get(this.topKey)) this.descriptorSeen.clear();
  }

  /** Reads the string that starts at `start` and answers where it ends; a string before a colon is a key. */
  private skipString(start: number): number {
    const end = endOfString(this.text, start);
    if (end < 0) return this.text.length;
    if (this.watchesKeys && isBeforeColon(this.text, end)) this.seeKey(start, end);
    return end;
  }

  private seeKey(start: number, end: number): void {
    if (this.depth === 1) {
      this.topKey = decodeKey(this.text.slice(start, end + 1));
      refuseTwin(this.topKey, MANIFEST_KEYS, this.manifestSeen);
    } else if (this.depth === DESCRIPTOR_DEPTHS.get(this.topKey)) {
      refuseTwin(decodeKey(this.text.slice(start, end + 1)), DESCRIPTOR_KEYS, this.descriptorSeen);
    }
  }
}

/** The position of the closing quote, -1 when there is none: the next quote behind an even number of backslashes. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text[before] === '\\') before--;
    if ((end - before) % 2 === 1) return end;
  }
  return -1;
}

function isBeforeColon(text: string, end: number): boolean {
  let at = end + 1;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return text[at] === ':';
}

/** The key in a quoted literal; one too long to be watched even in `\uXXXX` form is not worth decoding. */
function decodeKey(literal: string): string {
  const raw = literal.slice(1, -1);
  if (!raw.includes('\\') || raw.length > 6 * MAX_WATCHED_LENGTH) return raw;
  try {
    return JSON.parse(literal) as string;
  } catch {
    return raw;
  }
}

function refuseTwin(key: string, keys: ReadonlyMap<string, string>, seen: Set<string>): void {
  if (key.length > MAX_WATCHED_LENGTH) return;
  const exact = keys.get(foldCase(key));
  if (exact === undefined) return;
  if (exact !== key) throw manifestInvalid(`a key differs from "${exact}" only in case`, { key });
  if (seen.has(key)) throw manifestInvalid(`the key "${key}" occurs twice in one object`, { key });
  seen.add(key);
}

function watched(keys: readonly string[]): ReadonlyMap<string, string> {
  return new Map(keys.map((key) => [foldCase(key), key]));
}

/** As Go folds: besides ASCII, the long s is an s and the Kelvin sign a k (`toLowerCase` knows only the latter). */
function foldCase(key: string): string {
  return key.replaceAll('\u017f', 's').toLowerCase();
}
