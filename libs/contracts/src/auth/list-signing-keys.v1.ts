import { defineRequest } from '../contract.js';

/** Asks for the public keys that tokens are signed with. */
export class ListSigningKeysV1 {}

export interface SigningKeysV1 {
  /** Public JWKs with kid and alg (RFC 7517). */
  keys: Record<string, unknown>[];
}

export const LIST_SIGNING_KEYS = defineRequest<ListSigningKeysV1, SigningKeysV1>(
  'auth.keys.list.v1',
  ListSigningKeysV1,
);
