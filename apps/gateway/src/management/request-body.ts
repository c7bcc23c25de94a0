import { SwrError, type SwrErrorName } from '@berth/swr';
import { validateSync, type ValidationError } from 'class-validator';

/**
 * The fields of a JSON body. What the class does not know is left out: clients send more than they need. BODY_MALFORMED
 * where it is no JSON object, FIELD_MISSING, and for a wrong field what its decorator says in `context.error`, or
 * FIELD_INVALID.
 */
export function bodyOf<Body extends object>(type: new () => Body, bytes: Buffer): Body {
  const json = jsonOf(bytes);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new SwrError('BODY_MALFORMED');
  return validated(type, json);
}

/** As `bodyOf`, for a body that is an array of up to `most` objects. An empty one is BODY_MALFORMED. */
export function bodiesOf<Body extends object>(type: new () => Body, bytes: Buffer, most: number): Body[] {
  return listOf(bytes, most).map((entry) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new SwrError('BODY_MALFORMED');
    return validated(type, entry);
  });
}

/** A body that is an array of up to `most` texts. An empty one, and none at all, is BODY_MALFORMED. */
export function textsOf(bytes: Buffer, most: number): string[] {
  return listOf(bytes, most).map((entry) => {
    if (typeof entry !== 'string') throw new SwrError('BODY_MALFORMED');
    return entry;
  });
}

function listOf(bytes: Buffer, most: number): unknown[] {
  const json = jsonOf(bytes);
  if (!Array.isArray(json) || json.length === 0) throw new SwrError('BODY_MALFORMED');
  if (json.length > most) throw new SwrError('BODY_MALFORMED', `the array has more than ${most} entries`);
  return json as unknown[];
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw new SwrError('BODY_MALFORMED');
  }
}

function validated<Body extends object>(type: new () => Body, json: object): Body {
  // Not assigned: a key `__proto__` would be.
  const body = Object.defineProperties(new type(), Object.getOwnPropertyDescriptors(json));
  const [failure] = validateSync(body, { whitelist: true, stopAtFirstError: true, forbidUnknownValues: false });
  if (failure) throw refusal(failure);
  return body;
}

function refusal({ property, value, constraints = {}, contexts = {} }: ValidationError): SwrError {
  if (value === undefined || value === null) return new SwrError('FIELD_MISSING', `${property} is missing`);
  const [name] = Object.keys(constraints);
  const context = contexts[name ?? ''] as { error?: SwrErrorName } | undefined;
  const error = context?.error ?? 'FIELD_INVALID';
  return new SwrError(error, error === 'FIELD_INVALID' ? (constraints[name ?? ''] ?? property) : undefined);
}
