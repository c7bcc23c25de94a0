import { IamError } from './iam-error.js';

export type JsonObject = Record<string, unknown>;

/** The object that a body is. 400 where it is none, as with all of these. */
export function jsonOf(bytes: Buffer): JsonObject {
  try {
    return asObject(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw invalidBody(cause);
  }
}

export function asObject(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidBody();
  return value as JsonObject;
}

export const objectIn = (object: JsonObject, key: string): JsonObject => asObject(ownValue(object, key));

/** A text of 1 to `longest` characters, none of them NUL: PostgreSQL has no such text. */
export function textIn(object: JsonObject, key: string, longest: number): string {
  const value = ownValue(object, key);
  if (typeof value !== 'string' || value === '' || value.length > longest || value.includes('\0')) throw invalidBody();
  return value;
}

/** As `textIn`; undefined where it is missing, null or empty. */
export function optionalTextIn(object: JsonObject, key: string, longest: number): string | undefined {
  const value = ownValue(object, key);
  return value === undefined || value === null || value === '' ? undefined : textIn(object, key, longest);
}

const ownValue = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

export const invalidBody = (cause?: unknown) => new IamError(400, 'The request body is invalid', { cause });
