import { SwrError, type SwrErrorName } from '@berth/swr';

const REFUSALS = {
  'user-unknown': 'USER_INVALID',
  exists: 'PERMISSION_EXISTS',
  unknown: 'PERMISSION_UNKNOWN',
} as const satisfies Record<string, SwrErrorName>;

type Refusal = keyof typeof REFUSALS | 'target-unknown';

/** Why a change of permissions was not done; null where it was. `target` is the error of what has gone meanwhile. */
export function permissionRefusal(
  outcome: Refusal | 'added' | 'updated' | 'removed',
  target: 'ORGANISATION_UNKNOWN' | 'REPOSITORY_UNKNOWN',
): SwrError | null {
  if (outcome === 'added' || outcome === 'updated' || outcome === 'removed') return null;
  return new SwrError(outcome === 'target-unknown' ? target : REFUSALS[outcome]);
}
