import { manifestInvalid } from './errors.js';

/** A JSON object as `JSON.parse` made it: `__proto__` is a plain own key of it, if the client sent one. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The longest media type that a manifest may name: what RFC 6838 section 4.2 allows. */
export const MAX_MEDIA_TYPE_LENGTH = 255;

/** Whether `value` is a JSON object, not a list and not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether the object says something under `key`; Go programs write an empty list as null, so null is nothing. */
export function hasField(object: JsonObject, key: string): boolean {
  return Object.hasOwn(object, key) && object[key] !== null;
}

/**
 * The text under `key`, undefined when absent or empty. NUL and half surrogate pairs are refused: no client means them,
 * PostgreSQL cannot store them and other parsers read them differently. Throws MANIFEST_INVALID.
 */
export function optionalText(object: JsonObject, key: string, where: string): string | undefined {
  if (!hasField(object, key)) return undefined;
  return text(object[key], `${where}.${key}`) || undefined;
}

/** The media type under `key`: 1 to 255 characters, in whatever form (clients invent). Throws MANIFEST_INVALID. */
export function requiredMediaType(object: JsonObject, key: string, where: string): string {
  const mediaType = optionalMediaType(object, key, where);
  if (mediaType === undefined) throw manifestInvalid('a media type is missing', { field: `${where}.${key}` });
  return mediaType;
}

/** As `requiredMediaType`, undefined when absent or empty. */
export function optionalMediaType(object: JsonObject, key: string, where: string): string | undefined {
  const mediaType = optionalText(object, key, where);
  if (mediaType !== undefined && mediaType.length > MAX_MEDIA_TYPE_LENGTH) {
    throw manifestInvalid('a media type is too long', { field: `${where}.${key}` });
  }
  return mediaType;
}

/** The list of texts under `key`, undefined when absent. Throws MANIFEST_INVALID. */
export function optionalTexts(object: JsonObject, key: string, where: string): string[] | undefined {
  if (!hasField(object, key)) return undefined;
  return list(object, key, where).map((entry) => text(entry, `${where}.${key}`));
}

/** The map of texts under `key`, undefined when absent. Throws MANIFEST_INVALID. */
export function optionalTextMap(object: JsonObject, key: string, where: string): Record<string, string> | undefined {
  if (!hasField(object, key)) return undefined;
  const map = object[key];
  const field = `${where}.${key}`;
  if (!isJsonObject(map)) throw manifestInvalid('a field is not an object', { field });
  // fromEntries defines properties instead of assigning them, so a `__proto__` key stays a plain key.
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [text(name, field), text(value, field)]));
}

/** The list under `key`, empty when absent. Throws MANIFEST_INVALID. */
export function list(object: JsonObject, key: string, where: string): readonly unknown[] {
  if (!hasField(object, key)) return [];
  const value = object[key];
  if (!Array.isArray(value)) throw manifestInvalid('a field is not a list', { field: `${where}.${key}` });
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string') throw manifestInvalid('a field is not a string', { field });
  if (value.includes('\0') || !value.isWellFormed()) throw manifestInvalid('a text is not valid Unicode', { field });
  return value;
}
