import type { Precondition } from '@berth/contracts';
import { isDigest, registryError } from '@berth/oci';
import { header, type RegistryRequest } from './registry-request.js';

/** `"opaque"`, with `W/` before it where it is weak. RFC 9110 section 8.8.3. */
const ENTITY_TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/;

/**
 * What If-Match and If-None-Match ask of what the reference names; undefined where there is neither. An entity tag that is no
 * digest in quotes names nothing of ours, and a weak one is none for If-Match. Throws MANIFEST_INVALID for what is no list
 * of entity tags: a condition that is not understood is not void. Spec: RFC 9110 section 13.1.
 */
export function preconditionOf(request: Pick<RegistryRequest, 'raw'>): Precondition | undefined {
  const ifMatch = entityTags(request, 'if-match')?.filter(({ isWeak }) => !isWeak);
  const ifNoneMatch = entityTags(request, 'if-none-match');
  if (!ifMatch && !ifNoneMatch) return undefined;
  return {
    ...(ifMatch && { ifMatch: ifMatch.map(({ value }) => value) }),
    ...(ifNoneMatch && { ifNoneMatch: ifNoneMatch.map(({ value }) => value) }),
  };
}

function entityTags(
  request: Pick<RegistryRequest, 'raw'>,
  name: 'if-match' | 'if-none-match',
): { value: string; isWeak: boolean }[] | undefined {
  const field = header(request, name);
  if (field === undefined) return undefined;
  if (field.trim() === '*') return [{ value: '*', isWeak: false }];
  const tags = field.split(',').map((tag) => {
    const match = ENTITY_TAG.exec(tag.trim());
    if (!match) {
      throw registryError(
        'MANIFEST_INVALID',
        { [name]: field },
        { message: `${name} is neither * nor a list of ETags` },
      );
    }
    return { value: match[2]!, isWeak: match[1] !== undefined };
  });
  return tags.filter(({ value }) => isDigest(value));
}
