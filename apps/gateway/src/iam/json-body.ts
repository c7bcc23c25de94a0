import { MAX_DESCRIPTION } from '@berth/contracts';
import { parseWireId } from '@berth/swr';
import { IamError } from './iam-error.js';

export type JsonObject = Record<string, unknown>;

const LONGEST_ID = 64;

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

/** A text of 1 to `longest` characters. None has a NUL: the database knows none. */
export function textIn(object: JsonObject, key: string, longest: number): string {
  const value = ownValue(object, key);
  if (typeof value !== 'string' || value === '' || value.length > longest || value.includes('\0')) throw invalidBody();
  return value;
}

/** A text of that form; 400 with `message` otherwise. */
export function textLike(object: JsonObject, key: string, form: RegExp, message: string): string {
  const value = ownValue(object, key);
  if (typeof value !== 'string' || !form.test(value) || value.includes('\0')) throw new IamError(400, message);
  return value;
}

/** True or false; undefined where it is missing. */
export function flagIn(object: JsonObject, key: string): boolean | undefined {
  const value = ownValue(object, key);
  if (value !== undefined && typeof value !== 'boolean') throw new IamError(400, `${key} must be true or false`);
  return value;
}

/** `description`, which may be empty; undefined where it is missing. */
export function descriptionIn(object: JsonObject): string | undefined {
  if (ownValue(object, 'description') === undefined) return undefined;
  return optionalTextIn(object, 'description', MAX_DESCRIPTION) ?? '';
}

/** The account that `domain_id` names; nothing where it is missing. */
export function accountOf(object: JsonObject): { accountId?: string } {
  const text = optionalTextIn(object, 'domain_id', LONGEST_ID);
  if (text === undefined) return {};
  const accountId = parseWireId(text);
  if (accountId === null) throw new IamError(400, 'domain_id is no id');
  return { accountId };
}

/** What of a change is there. 400 where nothing is. */
export function asGiven<Change extends object>(
  change: Change,
): { [Key in keyof Change]?: Exclude<Change[Key], undefined> } {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw new IamError(400, 'nothing that can be changed is given');
  return Object.fromEntries(given) as { [Key in keyof Change]?: Exclude<Change[Key], undefined> };
}

/** As `textIn`; undefined where it is missing, null or empty. */
export function optionalTextIn(object: JsonObject, key: string, longest: number): string | undefined {
  const value = ownValue(object, key);
  return value === undefined || value === null || value === '' ? undefined : textIn(object, key, longest);
}

const ownValue = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

export const invalidBody = (cause?: unknown) => new IamError(400, 'The request body is invalid', { cause });
