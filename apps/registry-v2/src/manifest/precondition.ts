import type { Precondition } from '@berth/contracts';
import { type Digest, registryError } from '@berth/oci';

/**
 * Whether what a reference names now, null for nothing, is what the precondition expects. An entity tag that If-Match
 * compares is never a weak one here. Spec: RFC 9110 section 13.1.1 and 13.1.2.
 */
export function preconditionHolds({ ifMatch, ifNoneMatch }: Precondition, named: Digest | null): boolean {
  const isAmong = (entityTags: string[]) => named !== null && (entityTags.includes('*') || entityTags.includes(named));
  return (!ifMatch || isAmong(ifMatch)) && !(ifNoneMatch && isAmong(ifNoneMatch));
}

export const preconditionFailed = () =>
  registryError('MANIFEST_INVALID', undefined, {
    status: 412,
    message: 'precondition failed: the reference does not name what If-Match or If-None-Match expect',
  });
